package port

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
)

// shownBytes is how much of a value a message shows.
const shownBytes = 60

// describe fills in the key of the deviation's row and the beginning of the value, from the source.
func describe(ctx context.Context, reader *sqlite.Reader, table *tablePlan, deviation *Deviation) error {
	keys := keyColumns(table)
	selected := make([]string, 0, len(keys)+1)
	for _, key := range keys {
		selected = append(selected, table.reads[key])
	}
	column := table.columnNamed(deviation.Column)
	if column >= 0 {
		selected = append(selected, table.reads[column])
	}
	if len(selected) == 0 || table.rowid == "" {
		return nil
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s = ?1", strings.Join(selected, ", "), table.from, table.rowid)
	return each(ctx, reader, func(rows *sqlite.Rows) error {
		deviation.Key = make([]KeyPart, len(keys))
		for i, key := range keys {
			deviation.Key[i] = keyPart(table.columns[key].Name, show(rows, i))
		}
		if column >= 0 && deviation.Value == "" {
			deviation.Value = keyPart(deviation.Column, show(rows, len(keys))).Value
		}
		return nil
	}, query, deviation.RowID)
}

// keyPart leaves out what must not be shown: a row can be told by its rowid and the rest of its key.
func keyPart(column, value string) KeyPart {
	if homeserver.SecretColumn(column) {
		value = "(not shown)"
	}
	return KeyPart{Column: column, Value: value}
}

func (t *tablePlan) columnNamed(name string) int {
	for i := range t.columns {
		if t.columns[i].Name == name {
			return i
		}
	}
	return -1
}

// keyColumns are the columns that name a row: the primary key, else the unique key of the fewest columns, else all
// of the first three.
func keyColumns(table *tablePlan) []int {
	var best *catalog.Index
	for _, index := range table.target.Indexes {
		if index.Unique && index.Columns != nil && index.Predicate == "" && better(index, best) {
			best = index
		}
	}
	if best == nil {
		return firstColumns(len(table.columns))
	}
	keys := make([]int, 0, len(best.Columns))
	for _, name := range best.Columns {
		if column := table.columnNamed(name); column >= 0 {
			keys = append(keys, column)
		}
	}
	return keys
}

func better(index, best *catalog.Index) bool {
	if best == nil {
		return true
	}
	if primary := isPrimary(index); primary != isPrimary(best) {
		return primary
	}
	return len(index.Columns) < len(best.Columns)
}

func isPrimary(index *catalog.Index) bool { return index.Constraint != nil && index.Constraint.Primary }

func firstColumns(count int) []int {
	columns := make([]int, min(count, 3))
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// show writes a stored value for people: as SQL would, cut short.
func show(rows *sqlite.Rows, column int) string {
	switch rows.Type(column) {
	case sqlite.Null:
		return "NULL"
	case sqlite.Integer:
		return strconv.FormatInt(rows.Int64(column), 10)
	case sqlite.Float:
		return strconv.FormatFloat(rows.Float64(column), 'g', -1, 64)
	case sqlite.Text, sqlite.Blob: // below
	}
	value := rows.Append(column, nil)
	length := len(value)
	value = value[:min(length, shownBytes)]
	text := "x'" + hex.EncodeToString(value) + "'"
	if rows.Type(column) == sqlite.Text {
		text = showText(value, length > shownBytes)
	}
	if length > shownBytes {
		text += fmt.Sprintf("… (%d bytes)", length)
	}
	return text
}

// showText quotes a text; bytes that are not printable stand as escapes.
func showText(value []byte, cut bool) string {
	for cut && len(value) > 0 && !utf8.Valid(value) && len(value) > shownBytes-utf8.UTFMax {
		value = value[:len(value)-1] // a character that the cut went through
	}
	if printable(value) {
		return string(value)
	}
	return strconv.QuoteToGraphic(string(value))
}

func printable(value []byte) bool {
	return len(value) > 0 && utf8.Valid(value) && !slices.ContainsFunc([]rune(string(value)), func(r rune) bool {
		return !strconv.IsPrint(r)
	})
}
