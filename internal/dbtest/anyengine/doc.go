// Package anyengine gives a test an empty database on each engine, in one form for all, that can be handed to another process
// as JSON. It is for tests only, and knows nothing of what is in a database. Begin with Each.
package anyengine
