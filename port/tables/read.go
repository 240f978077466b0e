package tables

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/port/checksum"
)

// row is one row on its way, with what is the matter with each of its values.
type row struct {
	values  [][]byte
	classes []Class
}

// each reads all rows of a table. The row and its lists are used again for the next one, its values are not.
func (s *side) each(ctx context.Context, from engine.Querier, table *pair, columnOf func(*pairedColumn) *column, take func(*row) error) error {
	expressions := make([]string, len(table.columns))
	for i := range table.columns {
		expressions[i] = s.expression(columnOf(&table.columns[i]), table.columns[i].kind)
	}
	query := "SELECT " + strings.Join(expressions, ", ") + " FROM " + s.quote(table.name)
	stored, places := make([]any, len(expressions)), make([]any, len(expressions))
	for i := range stored {
		places[i] = &stored[i]
	}
	read := &row{values: make([][]byte, len(expressions)), classes: make([]Class, len(expressions))}
	rows, err := from.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("read table %s: %w", table.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return fmt.Errorf("read table %s: %w", table.name, err)
		}
		for i := range stored {
			read.values[i], read.classes[i] = s.read(table.columns[i].kind, stored[i])
		}
		if err := take(read); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read table %s: %w", table.name, err)
	}
	return nil
}

func ofSource(c *pairedColumn) *column { return c.source }
func ofTarget(c *pairedColumn) *column { return c.target }

// nullLength stands for NULL where the length of a value does otherwise.
const nullLength = 1<<32 - 1

const lengthBytes = 4

// appendCompared appends a row in the form in which both sides are compared.
func (p *pair) appendCompared(dst []byte, values [][]byte) []byte {
	for i, value := range values {
		if value == nil {
			dst = binary.BigEndian.AppendUint32(dst, nullLength)
			continue
		}
		value = compared(p.columns[i].kind, value)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
		dst = append(dst, value...)
	}
	return dst
}

// sum is what is told of a table by reading it.
type sum struct {
	checksum.Sum

	bytes int64
}

// sum reads a table and sums it up.
func (s *side) sum(ctx context.Context, from engine.Querier, table *pair, columnOf func(*pairedColumn) *column, count func(rows int64)) (total sum, err error) {
	var buffer []byte
	const often = 1000
	err = s.each(ctx, from, table, columnOf, func(read *row) error {
		buffer = table.appendCompared(buffer[:0], read.values)
		total.AddRow(buffer)
		total.bytes += int64(len(buffer) - lengthBytes*len(read.values))
		if total.Rows%often == 0 {
			count(often)
		}
		return nil
	})
	count(total.Rows % often)
	return total, err
}
