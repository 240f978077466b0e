package background_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/synapsedb/synapse/background"
)

// taskVariable makes this test binary a process that runs the updates of a database.
const taskVariable = "SYNAPSE_TEST_BACKGROUND_TASK"

// numbersIndex is the update index of the task.
var numbersIndex = background.CreateIndex{Name: "numbers_n", Table: "numbers", Columns: []string{"n"}}

type task struct {
	Place address `json:"place"`
	// Hold waits in the first batch until the process is killed.
	Hold bool `json:"hold"`
	Wait bool `json:"wait"`
	// Size of the batches.
	Size int `json:"size"`
}

func runTask(text string) (exitCode int) {
	var wanted task
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	err := wanted.run(context.Background())
	if running, isRunning := errors.AsType[*background.RunningError](err); isRunning {
		fmt.Println("refused:", running.Holder)
		return 3
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w *task) run(ctx context.Context) error {
	registry := background.NewRegistry()
	registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
		if w.Hold {
			fmt.Println("holding")
			_, err := os.Stdin.Read(make([]byte, 1)) // ends when the parent does
			return background.Result{}, err
		}
		return fill(ctx, batch)
	})
	registry.RegisterAlone("index", numbersIndex.Run)
	updater, err := background.New(background.Config{
		Open: w.Place.open, Registry: registry, Wait: w.Wait, SessionsKnown: true,
		Pacing: background.Pacing{NoSleep: true, DefaultBatchSize: w.Size, MaxBatchSize: w.Size},
	})
	if err != nil {
		return err
	}
	return updater.Run(ctx)
}
