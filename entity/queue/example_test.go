package queue_test

import (
	"context"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
)

func Example() {
	ctx := context.Background()
	readings := queue.New(queue.Config[string]{Delay: time.Second, Write: func(_ context.Context, group []string) error {
		fmt.Println("commit", group) // one transaction
		return nil
	}})
	readings.Put("kitchen", "kitchen 20.5")
	readings.Put("cellar", "cellar 12.0")
	last := readings.Put("kitchen", "kitchen 20.6")
	if err := readings.Wait(ctx, last); err != nil {
		fmt.Println(err)
	}
	if err := readings.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: commit [kitchen 20.6 cellar 12.0]
}
