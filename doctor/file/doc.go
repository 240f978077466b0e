// Package file checks an SQLite database as a file: damage, what lies beside it, who may read and write it, where it is
// mounted, and how it is made. It never writes and never opens the file for writing. Begin with Checks.
package file
