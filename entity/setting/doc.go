// Package setting finds out where a program keeps its entities, and under which id: from what its code says and from three
// variables of the environment, which come first. It never reads a variable with another name (such as a DATABASE_URL that is
// meant for another program), never opens a database, and never repeats a value in an error, since any may hold a password.
// Begin with Read.
package setting
