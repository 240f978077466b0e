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
	// HoldOpen only opens the database, as a server does, until the process is killed.
	HoldOpen bool `json:"hold_open"`
	Wait     bool `json:"wait"`
	// ReadyMade registers the updates of readyMade, and prints a line after each batch.
	ReadyMade bool `json:"ready_made"`
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
	if w.HoldOpen {
		return w.holdOpen(ctx)
	}
	registry := background.NewRegistry()
	registry.Register("fill", func(ctx context.Context, batch *background.Batch) (background.Result, error) {
		if w.Hold {
			return background.Result{}, hold()
		}
		return fill(ctx, batch)
	})
	if w.ReadyMade {
		readyMade(registry)
	} else {
		registry.RegisterAlone("index", numbersIndex.Run)
	}
	updater, err := background.New(background.Config{
		OnBatch: w.tell, Open: w.Place.Open, Registry: registry, Wait: w.Wait, SessionsKnown: true,
		Pacing: background.Pacing{NoSleep: true, DefaultBatchSize: w.Size, MaxBatchSize: w.Size},
	})
	if err != nil {
		return err
	}
	return updater.Run(ctx)
}

func (w *task) tell(report background.Report) {
	if w.ReadyMade {
		fmt.Println(report.Update, report.Items)
	}
}

// hold tells the parent, and waits for its end.
func hold() error {
	fmt.Println("holding")
	_, err := os.Stdin.Read(make([]byte, 1))
	return err
}

func (w *task) holdOpen(ctx context.Context) (err error) {
	database, err := w.Place.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	return hold()
}
