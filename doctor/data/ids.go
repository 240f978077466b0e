package data

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/synapsedb/synapse/engine"
)

// numbers are in ascending order, each once, in a temporary file: of a hundred million little more than a hundred megabytes. So
// numbers of two databases can be compared, and memory does not grow with them.
type numbers struct {
	file  *os.File
	count int64
}

// readNumbers takes what a query gives, in ascending order.
func readNumbers(ctx context.Context, from engine.Querier, query string) (*numbers, error) {
	return writeNumbers(func(add func(int64) error) error {
		return engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
			var number int64
			if err := scan(&number); err != nil {
				return err
			}
			return add(number)
		})
	})
}

func writeNumbers(fill func(add func(int64) error) error) (_ *numbers, err error) {
	file, err := os.CreateTemp("", "synapse-check-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	result := &numbers{file: file}
	defer func() {
		if err != nil {
			err = errors.Join(err, result.close())
		}
	}()
	writer, last := bufio.NewWriterSize(file, 1<<16), int64(0)
	var buffer [binary.MaxVarintLen64]byte
	err = fill(func(number int64) error {
		_, err := writer.Write(buffer[:binary.PutVarint(buffer[:], number-last)])
		last = number
		result.count++
		return err
	})
	if err == nil {
		err = writer.Flush()
	}
	return result, err
}

func (n *numbers) close() error { return errors.Join(n.file.Close(), os.Remove(n.file.Name())) }

// cursor reads numbers one by one.
type cursor struct {
	reader *bufio.Reader
	number int64
	done   bool
}

// open returns a cursor at the first number. One may be open at a time.
func (n *numbers) open() (*cursor, error) {
	if _, err := n.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	c := &cursor{reader: bufio.NewReaderSize(n.file, 1<<16)}
	return c, c.next()
}

func (c *cursor) next() error {
	difference, err := binary.ReadVarint(c.reader)
	if errors.Is(err, io.EOF) {
		c.done = true
		return nil
	}
	c.number += difference
	return err
}

// has moves forward to a number, and reports whether it is there. Numbers have to be asked for in ascending order.
func (c *cursor) has(number int64) (bool, error) {
	for !c.done && c.number < number {
		if err := c.next(); err != nil {
			return false, err
		}
	}
	return !c.done && c.number == number, nil
}

// eachMissing calls take with every number that none of the others has.
func (n *numbers) eachMissing(take func(int64) error, others ...*numbers) error {
	own, err := n.open()
	if err != nil {
		return err
	}
	cursors := make([]*cursor, len(others))
	for i, other := range others {
		if cursors[i], err = other.open(); err != nil {
			return err
		}
	}
	for ; !own.done; err = own.next() {
		if err != nil {
			return err
		}
		found := false
		for _, other := range cursors {
			has, err := other.has(own.number)
			if err != nil {
				return err
			}
			found = found || has
		}
		if !found {
			if err := take(own.number); err != nil {
				return err
			}
		}
	}
	return err
}
