package port

import (
	"context"
	"strings"
	"testing"
)

func TestPanicOfAWorkerReachesTheCaller(t *testing.T) {
	t.Parallel()
	defer func() {
		text, _ := recover().(string)
		if !strings.Contains(text, "out of order") || !strings.Contains(text, "schedule_test.go") {
			t.Errorf("%q", text)
		}
	}()
	waits := &task{run: func(ctx context.Context, _ *worker) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	panics := &task{run: func(context.Context, *worker) error { panic("out of order") }}
	err := runTasks(t.Context(), []*worker{{}, {}}, []*task{waits, panics})
	t.Error("no panic, but", err)
}
