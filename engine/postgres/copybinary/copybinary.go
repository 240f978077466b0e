package copybinary

import (
	"encoding/binary"
	"errors"
	"math"
)

// signature, a flags word and the length of a header extension, both 0.
const header = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

const trailer = math.MaxUint16 // -1 in place of a row's number of fields

// AppendHeader appends what stands before the first row.
func AppendHeader(dst []byte) []byte { return append(dst, header...) }

// AppendTrailer appends what stands after the last row.
func AppendTrailer(dst []byte) []byte { return binary.BigEndian.AppendUint16(dst, trailer) }

// AppendRow begins a row of that many fields.
func AppendRow(dst []byte, fields int) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(fields))
}

// AppendNull appends a field that is NULL.
func AppendNull(dst []byte) []byte { return binary.BigEndian.AppendUint32(dst, math.MaxUint32) }

// BeginField leaves room for a field's length; EndField fills it in once the field's bytes are appended.
func BeginField(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// EndField sets the length of the field that begins at start, which is len(dst) before BeginField.
func EndField(dst []byte, start int) {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
}

// AppendField appends a field with these bytes.
func AppendField(dst, value []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// ErrFormat says that a stream is not binary COPY data.
var ErrFormat = errors.New("not in the binary format of COPY")

// Splitter is an io.Writer that takes a binary COPY stream, cut anywhere, and hands on each row whole.
type Splitter struct {
	// Row gets the fields of one row as they stand in the stream (length, bytes, length, bytes, ...).
	// The slice is valid only during the call.
	Row func(fields []byte) error

	pending []byte
	begun   bool
	ended   bool
}

// Write implements io.Writer. It fails with ErrFormat, or with what Row returned.
func (s *Splitter) Write(data []byte) (int, error) {
	if len(s.pending) == 0 {
		rest, err := s.split(data)
		s.pending = append(s.pending[:0], rest...)
		return len(data), err
	}
	s.pending = append(s.pending, data...)
	rest, err := s.split(s.pending)
	s.pending = s.pending[:copy(s.pending, rest)]
	return len(data), err
}

// Complete reports whether the stream's trailer was seen.
func (s *Splitter) Complete() bool { return s.ended }

// split hands on the whole rows in data and returns the rest.
func (s *Splitter) split(data []byte) ([]byte, error) {
	if !s.begun {
		if len(data) < len(header) {
			return data, nil
		}
		if string(data[:11]) != header[:11] {
			return data, ErrFormat
		}
		s.begun, data = true, data[len(header):]
	}
	for len(data) >= 2 && !s.ended {
		count := binary.BigEndian.Uint16(data)
		if count == trailer {
			s.ended = true
			return data[2:], nil
		}
		size, whole := rowSize(data[2:], int(count))
		if !whole {
			return data, nil
		}
		if err := s.Row(data[2 : 2+size]); err != nil {
			return data, err
		}
		data = data[2+size:]
	}
	return data, nil
}

// rowSize returns how many bytes that many fields take, and whether all of them are there.
func rowSize(data []byte, fields int) (int, bool) {
	at := 0
	for range fields {
		if len(data)-at < 4 {
			return 0, false
		}
		length := binary.BigEndian.Uint32(data[at:])
		at += 4
		if length == math.MaxUint32 {
			continue
		}
		if uint64(len(data)-at) < uint64(length) {
			return 0, false
		}
		at += int(length)
	}
	return at, true
}

// NextField cuts the first field off the fields of a row. A NULL is nil.
func NextField(fields []byte) (value, rest []byte) {
	length := binary.BigEndian.Uint32(fields)
	if length == math.MaxUint32 {
		return nil, fields[4:]
	}
	return fields[4 : 4+length : 4+length], fields[4+length:]
}
