package copybinary

import (
	"encoding/binary"
	"math"
	"slices"
)

// arrayHeader is the size of what stands before the elements of an array of one dimension, in PostgreSQL's binary format of arrays:
// the number of dimensions, whether there are NULLs, the type of the elements, how many there are, and the index of the first.
const arrayHeader = 5 * 4

// Arrays turns rows, without header and trailer, into one array of each of their fields, in PostgreSQL's binary format of arrays: an element
// is written there as a field is in COPY. types are the elements' OIDs, one for each field. The arrays of an earlier call, or nil, are used
// again. It fails with ErrFormat.
func Arrays(arrays [][]byte, rows []byte, types []uint32) ([][]byte, error) {
	sizes, count := make([]int, len(types)), 0
	err := eachField(rows, len(types), func(number int, field []byte) { sizes[number] += len(field) }, func() { count++ })
	if err != nil {
		return nil, err
	}
	arrays = slices.Grow(arrays[:0], len(types))[:len(types)]
	for i, elements := range types {
		array := slices.Grow(arrays[i][:0], arrayHeader+sizes[i])
		for _, word := range []uint32{1, 1, elements, uint32(count), 1} {
			array = binary.BigEndian.AppendUint32(array, word)
		}
		arrays[i] = array
	}
	err = eachField(rows, len(types), func(number int, field []byte) { arrays[number] = append(arrays[number], field...) }, func() {})
	return arrays, err
}

// eachField calls field for every field of rows, as it stands there with its length, and row after each row.
func eachField(rows []byte, fields int, field func(number int, field []byte), row func()) error {
	for len(rows) > 0 {
		if len(rows) < 2 || int(binary.BigEndian.Uint16(rows)) != fields {
			return ErrFormat
		}
		rows = rows[2:]
		if _, whole := rowSize(rows, fields); !whole {
			return ErrFormat
		}
		for number := range fields {
			size := 4
			if length := binary.BigEndian.Uint32(rows); length != math.MaxUint32 {
				size += int(length)
			}
			field(number, rows[:size])
			rows = rows[size:]
		}
		row()
	}
	return nil
}
