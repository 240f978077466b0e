package split

import (
	"fmt"

	"github.com/zeebo/xxh3"
)

// checksum is the number of rows and the sum of their hashes, which is the same in whatever order they come.
type checksum struct {
	rows      int64
	high, low uint64
}

func (c *checksum) add(row []byte) {
	hash := xxh3.Hash128(row)
	c.rows++
	c.high += hash.Hi
	c.low += hash.Lo
}

func (c *checksum) merge(other checksum) {
	c.rows += other.rows
	c.high += other.high
	c.low += other.low
}

// String is 32 hexadecimal digits: the sums of both halves of the hashes.
func (c checksum) String() string { return fmt.Sprintf("%016x%016x", c.high, c.low) }

func (c checksum) describe() string { return fmt.Sprintf("%d rows, checksum %s", c.rows, c) }
