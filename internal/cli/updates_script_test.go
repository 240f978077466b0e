package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// registerTestUpdates registers updates of the table test_rows (id, n), and of test_counter with its one n.
func registerTestUpdates(registry *background.Registry) {
	registry.Register("test_fill", background.FillColumn{Table: "test_rows", Keys: []string{"id"}, Set: "n = n + 1"}.Run)
	registry.RegisterAlone("test_index", background.CreateIndex{Name: "test_rows_n", Table: "test_rows", Columns: []string{"n"}}.Run)
	registry.Register("test_unless_forbidden", failIfThere)
	registry.Register("test_endless", countUntilThere)
	registry.Register("test_pauses", countToFive, background.Total(func(context.Context, engine.Tx) (int64, error) { return 5, nil }))
	registry.Register("test_state", background.FillColumn{Table: "test_rows", Keys: []string{"id"}, Set: "n = n + 1"}.Run, background.OnDatabase("state"))
}

// failIfThere fails as long as there is a file forbidden.
func failIfThere(context.Context, *background.Batch) (background.Result, error) {
	if _, err := os.Stat("forbidden"); err == nil {
		return background.Result{}, errors.New("it is forbidden")
	}
	return background.Result{Items: 1, Done: true}, nil
}

// countToFive has five batches of one item. The third goes on when the terminal has shown how much time is left.
func countToFive(ctx context.Context, batch *background.Batch) (background.Result, error) {
	var n int
	if string(batch.Progress) != "{}" {
		if err := json.Unmarshal(batch.Progress, &n); err != nil {
			return background.Result{}, err
		}
	}
	n++
	if n == 3 {
		if err := awaitRecorded(ctx, " s left, "); err != nil {
			return background.Result{}, err
		}
	}
	return background.Result{Items: 1, Progress: n, Done: n == 5}, nil
}

// awaitRecorded returns when script(1), which keeps what the terminal shows in the file typescript, has recorded a text.
func awaitRecorded(ctx context.Context, text string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		recorded, err := os.ReadFile("typescript")
		if err != nil && !errors.Is(err, os.ErrNotExist) || bytes.Contains(recorded, []byte(text)) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// countUntilThere counts up, and says by a file that it has begun to, until there is a file finish.
func countUntilThere(ctx context.Context, batch *background.Batch) (background.Result, error) {
	var progress struct {
		N int `json:"n"`
	}
	if err := json.Unmarshal(batch.Progress, &progress); err != nil {
		return background.Result{}, err
	}
	progress.N++
	if _, err := batch.Tx.Exec(ctx, "UPDATE test_counter SET n = n + 1"); err != nil {
		return background.Result{}, err
	}
	if progress.N > 1 {
		if err := os.WriteFile("begun", nil, 0o600); err != nil {
			return background.Result{}, err
		}
	}
	_, err := os.Stat("finish")
	return background.Result{Items: 1, Progress: progress, Done: err == nil}, nil
}
