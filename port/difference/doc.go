// Package difference finds which rows only one of two sides has, while both sides stream by in any order: each row is
// known by a hash of 128 bits and by the place where it stands. It never sees the rows themselves, needs no key and no
// order of them, and never holds more memory than it is told; what does not fit goes to temporary files. Begin with New,
// give the rows of both sides to Source and Target, and read the Result that Finish returns.
package difference
