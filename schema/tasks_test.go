package schema_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/synapsedb/synapse/schema"
)

// taskVariable makes this test binary a process that prepares a database, so that it can be killed or run several
// times at once.
const taskVariable = "SYNAPSE_TEST_SCHEMA_TASK"

// task is what such a process does.
type task struct {
	Place   address `json:"place"`
	Version int     `json:"version"`
}

func runTask(text string) (exitCode int) {
	var wanted task
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := wanted.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w *task) run(ctx context.Context) error {
	set, err := schema.New(library(w.Version))
	if err != nil {
		return err
	}
	session, err := w.Place.Open(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	result, err := schema.Prepare(ctx, session, set, schema.Options{Config: "configured"})
	if err == nil && result.Changed {
		fmt.Println("changed")
	}
	return err
}
