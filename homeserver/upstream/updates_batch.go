package upstream

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// mostValues keeps a statement below what the engines allow it in parameters.
const mostValues = 10_000

// progressOf reads a progress; what it does not know, it leaves out.
func progressOf[T any](batch *background.Batch) (from T, err error) {
	if err := json.Unmarshal(batch.Progress, &from); err != nil {
		return from, fmt.Errorf("read the progress %s: %w", batch.Progress, err)
	}
	return from, nil
}

// textAt reads where a batch ends; more is false at the end of the table. The query's last parameter is an offset.
func textAt(ctx context.Context, batch *background.Batch, query string, values ...any) (until string, more bool, err error) {
	err = batch.Tx.QueryRow(ctx, query, append(values, batch.Size-1)...).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for the end of a batch: %w", err)
	}
	return until, true, nil
}

// readTexts reads one column.
func readTexts(ctx context.Context, tx engine.Tx, query string, values ...any) (texts []any, err error) {
	err = engine.Each(ctx, tx, query, values, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// in ends a condition with a list of as many values.
func in(values []any) string {
	return " IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ") + ")"
}

// few is the batch size for a handler that gives each item's key to a statement.
func few(batch *background.Batch) int { return min(batch.Size, mostValues) }
