// Package checksum sums up the rows of a table, so that both sides of a move can be compared whatever order their rows come in. It
// reads no database, and a sum says nothing of which rows differ. Begin with Sum.
package checksum
