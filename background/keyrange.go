package background

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// keyRange is a part of a table, from one key to another, in the order of a unique key. Its columns are integers or text.
type keyRange struct {
	table string   // as SQL
	keys  []string // as SQL
	after []any    // where it begins, exclusive; nil is the first row
	until []any    // where it ends, inclusive; nil is the last row
}

// cut ends the range after so many rows. ok is false when there are no more: the range is the last one, to the end.
func (k *keyRange) cut(ctx context.Context, from engine.Querier, rows int) (ok bool, err error) {
	columns := strings.Join(k.keys, ", ")
	condition, values := k.condition()
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT 1 OFFSET %d", columns, k.table, condition, columns, rows-1)
	until, places := make([]any, len(k.keys)), make([]any, len(k.keys))
	for i := range until {
		places[i] = &until[i]
	}
	err = from.QueryRow(ctx, query, values...).Scan(places...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the end of a batch in %s: %w", k.table, err)
	}
	for i := range until {
		if text, isBytes := until[i].([]byte); isBytes {
			until[i] = string(text)
		}
	}
	k.until = until
	return true, nil
}

// condition is true for the rows of the range.
func (k *keyRange) condition() (condition string, values []any) {
	var parts []string
	for _, bound := range []struct {
		sign string
		key  []any
	}{{">", k.after}, {"<=", k.until}} {
		if bound.key == nil {
			continue
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(bound.key)), ", ")
		parts = append(parts, fmt.Sprintf("(%s) %s (%s)", strings.Join(k.keys, ", "), bound.sign, marks))
		values = append(values, bound.key...)
	}
	if len(parts) == 0 {
		return "1 = 1", nil
	}
	return strings.Join(parts, " AND "), values
}

// decode reads a progress without making floats of integers.
func decode(progress json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(progress))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read the progress %s: %w", progress, err)
	}
	return nil
}

// key is one as JSON keeps it.
func key(values []any) ([]any, error) {
	for i, value := range values {
		if number, isNumber := value.(json.Number); isNumber {
			integer, err := number.Int64()
			if err != nil {
				return nil, fmt.Errorf("read the progress: %w", err)
			}
			values[i] = integer
		}
	}
	return values, nil
}
