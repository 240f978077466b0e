// Package cli is the command line: one file for each command, output for people
// and for programs, progress, and the exit codes.
//
// It decides nothing about databases; the packages below it do.
//
// Begin with Main.
package cli
