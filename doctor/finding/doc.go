// Package finding says what a check of a database found, and is what the checks of package doctor are written in. It never
// opens a database and never writes to one: a check is given an open session. Begin with Check and Finding.
package finding
