// Package portview shows on the whole of a terminal how far a port is: an overall bar, rates, the time left, the tables
// by what is left of them, and the last lines of the log, while keys ask to stop the port or to leave the view.
//
// It never looks at a port or a database, and decides nothing: it draws what a function gives it, and calls another
// when the port is to stop.
//
// Begin with Run; Log keeps what is logged meanwhile.
package portview
