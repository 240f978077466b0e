package checksum

import (
	"fmt"

	"github.com/zeebo/xxh3"
)

// Sum is the number of rows and the sum of their hashes, which is the same in whatever order they come.
type Sum struct {
	Rows      int64
	High, Low uint64 // the sums of both halves of the hashes, modulo 2^64
}

// Add counts a row by its hash.
func (s *Sum) Add(hash xxh3.Uint128) {
	s.Rows++
	s.High += hash.Hi
	s.Low += hash.Lo
}

// AddRow counts a row by its content.
func (s *Sum) AddRow(row []byte) { s.Add(xxh3.Hash128(row)) }

// Merge adds what another sum has counted.
func (s *Sum) Merge(other Sum) {
	s.Rows += other.Rows
	s.High += other.High
	s.Low += other.Low
}

// Take takes away what another sum has counted.
func (s *Sum) Take(other Sum) {
	s.Rows -= other.Rows
	s.High -= other.High
	s.Low -= other.Low
}

// String is 32 hexadecimal digits: the sums of both halves of the rows' XXH3 hashes, of 128 bits.
func (s Sum) String() string { return fmt.Sprintf("%016x%016x", s.High, s.Low) }

// Describe is the sum in words.
func (s Sum) Describe() string { return fmt.Sprintf("%d rows, checksum %s", s.Rows, s) }
