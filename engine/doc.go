// Package engine holds what every database engine of this project shares: the
// engines' names, and the errors an operator gets to read. It never opens a
// connection and knows no driver; each engine below it does. Begin with Kind
// and Error.
package engine
