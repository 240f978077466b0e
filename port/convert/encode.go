package convert

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// Row is a row of the source at the moment it is read.
type Row interface {
	Type(column int) sqlite.Type
	Int64(column int) int64
	Float64(column int) float64
	Append(column int, dst []byte) []byte // the stored bytes of a TEXT or BLOB
}

// Encoder encodes the rows of one table. It is not safe for concurrent use.
type Encoder struct {
	columns  []Column
	offset   int // the row's columns begin here: what stands before them is not copied
	findings []Finding
}

// NewEncoder returns an encoder for rows whose columns from offset on are these.
func NewEncoder(columns []Column, offset int) *Encoder {
	return &Encoder{columns: columns, offset: offset}
}

// Columns returns the columns that the encoder was made for.
func (e *Encoder) Columns() []Column { return e.columns }

// Encode appends the row to dst as COPY takes it, repaired where it can be. The findings, valid until the
// next call, name every value that is not what the source held; when one of them is neither converted
// nor Repairable the row cannot be sent.
func (e *Encoder) Encode(dst []byte, row Row) ([]byte, []Finding) {
	e.findings = e.findings[:0]
	dst = copybinary.AppendRow(dst, len(e.columns))
	for i := range e.columns {
		dst = e.value(dst, i, row)
	}
	return dst, e.findings
}

// Sendable reports whether a row with these findings can be sent at all.
func Sendable(findings []Finding) bool {
	for _, finding := range findings {
		if finding.Class.Bad() && !finding.Class.Repairable() {
			return false
		}
	}
	return true
}

// Clean reports whether a row with these findings loses nothing.
func Clean(findings []Finding) bool {
	for _, finding := range findings {
		if finding.Class.Bad() {
			return false
		}
	}
	return true
}

func (e *Encoder) find(column int, class Class) {
	e.findings = append(e.findings, Finding{Column: column, Class: class})
}

func (e *Encoder) value(dst []byte, i int, row Row) []byte {
	column := &e.columns[i]
	source := i + e.offset
	if row.Type(source) == sqlite.Null {
		if column.NotNull {
			e.find(i, ClassNull)
		}
		return copybinary.AppendNull(dst)
	}
	switch column.Kind {
	case Bool:
		return e.boolean(dst, i, row, source)
	case Int2, Int4, Int8:
		return e.integer(dst, i, row, source)
	case Float8:
		return e.float(dst, i, row, source)
	default:
		start := len(dst)
		dst = e.bytes(copybinary.BeginField(dst), i, row, source)
		copybinary.EndField(dst, start)
		return dst
	}
}

// number reads an integer in whatever class it is stored, if nothing is lost by that.
func (e *Encoder) number(i int, row Row, source int) (int64, bool) {
	switch row.Type(source) {
	case sqlite.Integer:
		return row.Int64(source), true
	case sqlite.Float:
		value := row.Float64(source)
		if value != math.Trunc(value) {
			e.find(i, ClassFraction)
			return 0, false
		}
		if value < -(1<<63) || value >= 1<<63 {
			e.find(i, ClassRange)
			return 0, false
		}
		e.find(i, ClassConverted)
		return int64(value), true
	case sqlite.Text:
		return e.numeral(i, string(row.Append(source, nil)))
	default:
		e.find(i, ClassBlob)
		return 0, false
	}
}

// numeral reads a text as an integer. "007" and "+7" are texts that a number could not give back.
func (e *Encoder) numeral(i int, text string) (int64, bool) {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(value, 10) != text {
		e.find(i, ClassNotNumber)
		return 0, false
	}
	e.find(i, ClassConverted)
	return value, true
}

func (e *Encoder) boolean(dst []byte, i int, row Row, source int) []byte {
	value, ok := e.number(i, row, source)
	if ok && value != 0 && value != 1 {
		e.find(i, ClassNotBoolean)
	}
	if !ok && e.findings[len(e.findings)-1].Class != ClassBlob {
		e.findings[len(e.findings)-1].Class = ClassNotBoolean
	}
	return append(dst, 0, 0, 0, 1, byte(value&1))
}

func (e *Encoder) integer(dst []byte, i int, row Row, source int) []byte {
	value, ok := e.number(i, row, source)
	switch e.columns[i].Kind {
	case Int2:
		e.inRange(i, ok && value != int64(int16(value)))
		dst = binary.BigEndian.AppendUint32(dst, 2)
		return binary.BigEndian.AppendUint16(dst, uint16(value))
	case Int4:
		e.inRange(i, ok && value != int64(int32(value)))
		dst = binary.BigEndian.AppendUint32(dst, 4)
		return binary.BigEndian.AppendUint32(dst, uint32(value))
	default:
		dst = binary.BigEndian.AppendUint32(dst, 8)
		return binary.BigEndian.AppendUint64(dst, uint64(value))
	}
}

func (e *Encoder) inRange(i int, outside bool) {
	if outside {
		e.find(i, ClassRange)
	}
}

func (e *Encoder) float(dst []byte, i int, row Row, source int) []byte {
	var value float64
	if row.Type(source) == sqlite.Float {
		value = row.Float64(source)
	} else if number, ok := e.number(i, row, source); ok {
		value = float64(number)
		if value >= 1<<63 || int64(value) != number {
			e.find(i, ClassRange)
		}
	}
	dst = binary.BigEndian.AppendUint32(dst, 8)
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(value))
}

// bytes appends a value of a column that holds text or bytes.
func (e *Encoder) bytes(dst []byte, i int, row Row, source int) []byte {
	column := &e.columns[i]
	start := len(dst)
	stored := row.Type(source)
	if stored == sqlite.Integer || stored == sqlite.Float {
		e.find(i, ClassConverted)
		return e.text(appendNumber(dst, row, source), start, i)
	}
	dst = row.Append(source, dst)
	if column.Kind == Bytea {
		return dst
	}
	before := len(e.findings)
	dst = e.text(dst, start, i)
	if stored == sqlite.Blob && len(e.findings) == before {
		e.find(i, ClassConverted)
	}
	return dst
}

func appendNumber(dst []byte, row Row, source int) []byte {
	if row.Type(source) == sqlite.Integer {
		return strconv.AppendInt(dst, row.Int64(source), 10)
	}
	return appendFloat(dst, row.Float64(source))
}

// appendFloat writes the shortest decimal that gives the same number back, always with a point or an exponent.
func appendFloat(dst []byte, value float64) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, value, 'g', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' || c == 'I' || c == 'N' {
			return dst
		}
	}
	return append(dst, '.', '0')
}
