// Package terminaltest runs a program on a real pseudo-terminal, and reads what a person would see on its screen.
//
// It never imitates the program: keys go in and signals come as they do at a terminal.
//
// Begin with Start.
package terminaltest
