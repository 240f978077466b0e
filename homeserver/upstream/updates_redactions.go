package upstream

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

const (
	redactionsSQL = `SELECT r.event_id, e.internal_metadata FROM redactions AS r LEFT JOIN event_json AS e ON e.event_id = r.event_id
WHERE r.event_id > ? ORDER BY r.event_id LIMIT ?`
	recheckedSQL = `UPDATE redactions SET recheck = FALSE WHERE event_id`
)

type lastEvent struct {
	ID string `json:"last_event_id"`
}

// recheckRedactions clears the mark of redactions that need not be checked again; the column begins with it set for all.
func recheckRedactions(ctx context.Context, batch *background.Batch) (background.Result, error) {
	from, err := progressOf[lastEvent](batch)
	if err != nil {
		return background.Result{}, err
	}
	var settled []any
	var count int
	err = engine.Each(ctx, batch.Tx, redactionsSQL, []any{from.ID, few(batch)}, func(scan func(...any) error) error {
		var metadata sql.NullString
		if err := scan(&from.ID, &metadata); err != nil {
			return err
		}
		count++
		again, err := toBeRechecked(metadata)
		if err != nil {
			return fmt.Errorf("internal_metadata of the event %s: %w", from.ID, err)
		}
		if !again {
			settled = append(settled, from.ID)
		}
		return nil
	})
	if err != nil {
		return background.Result{}, fmt.Errorf("read redactions: %w", err)
	}
	if len(settled) > 0 {
		if _, err := batch.Tx.Exec(ctx, recheckedSQL+in(settled), settled...); err != nil {
			return background.Result{}, fmt.Errorf("mark redactions: %w", err)
		}
	}
	return background.Result{Items: count, Progress: from, Done: count < few(batch)}, nil
}

// toBeRechecked looks for a value that Python takes for true; an event that is not there has none.
func toBeRechecked(metadata sql.NullString) (bool, error) {
	if !metadata.Valid {
		return false, nil
	}
	var known struct {
		Recheck any `json:"recheck_redaction"`
	}
	if err := json.Unmarshal([]byte(metadata.String), &known); err != nil {
		return false, err
	}
	switch value := known.Recheck.(type) {
	case nil:
		return false, nil
	case bool:
		return value, nil
	case float64:
		return value != 0, nil
	case string:
		return value != "", nil
	case []any:
		return len(value) > 0, nil
	case map[string]any:
		return len(value) > 0, nil
	default:
		return true, nil
	}
}
