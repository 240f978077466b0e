package difference

import (
	"errors"

	"github.com/zeebo/xxh3"
)

const (
	// partitionBits is how many bits of the hash tell rows apart at each level.
	partitionBits = 5
	partitions    = 1 << partitionBits
)

// collector holds the rows of a level. What does not fit into the table goes to partitions by the hash's top bits, where
// equal rows meet again; a partition that is still too large is divided by the next bits, by a collector of the next level.
type collector struct {
	table   *table // shared by all levels: empty when the next begins
	folder  string
	level   int
	parts   [partitions]*partition
	spilled *int64 // bytes written by all levels
}

func (c *collector) add(from side, entry Entry) error {
	if c.table.add(from, entry) {
		return nil
	}
	if err := c.spill(); err != nil {
		return err
	}
	c.table.add(from, entry)
	return nil
}

// spill moves all rows from memory to the partitions.
func (c *collector) spill() error {
	err := c.table.each(func(from side, entry Entry) error {
		part, err := c.partition(entry.Hash)
		if err != nil {
			return err
		}
		*c.spilled += recordSize
		return part.add(from, entry)
	})
	c.table.clear()
	return err
}

func (c *collector) partition(hash xxh3.Uint128) (*partition, error) {
	part := &c.parts[bitsOf(hash, c.level)]
	if *part == nil {
		file, err := newTemporary(c.folder)
		if err != nil {
			return nil, err
		}
		*part = newPartition(file)
	}
	return *part, nil
}

// bitsOf returns the bits of a hash that tell rows apart at a level; after 26 levels all were used.
func bitsOf(hash xxh3.Uint128, level int) uint64 {
	shift := partitionBits * level
	if shift >= 64 {
		return hash.Lo << (shift - 64) >> (64 - partitionBits)
	}
	return (hash.Hi<<shift | hash.Lo>>(64-shift)) >> (64 - partitionBits)
}

// finish calls emit with the place of every row that has no equal on the other side.
func (c *collector) finish(emit func(side, int64) error) error {
	if c.parts == [partitions]*partition{} {
		return c.table.each(func(from side, entry Entry) error { return emit(from, entry.At) })
	}
	if err := c.spill(); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	for i, part := range c.parts {
		if part == nil {
			continue
		}
		c.parts[i] = nil
		if err := errors.Join(c.finishPart(part, emit), part.file.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) finishPart(part *partition, emit func(side, int64) error) error {
	if part.simple() {
		return part.surplus(emit)
	}
	next := collector{table: c.table, folder: c.folder, level: c.level + 1, spilled: c.spilled}
	c.table.clear()
	err := part.each(next.add)
	if err == nil {
		err = next.finish(emit)
	}
	return errors.Join(err, next.close())
}

// flush ends the writing of all partitions, so that their buffers are free before any is read.
func (c *collector) flush() error {
	for _, part := range c.parts {
		if part != nil {
			if err := part.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *collector) close() error {
	var errs []error
	for i, part := range c.parts {
		if part != nil {
			errs = append(errs, part.file.Close())
			c.parts[i] = nil
		}
	}
	return errors.Join(errs...)
}
