package table_test

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// openError tries to open an application that cannot be opened.
func openError(t testing.TB, database synapse.Database, application string) error {
	t.Helper()
	opened, err := table.Open(t.Context(), database, table.Application{ID: application}, nil)
	if err == nil {
		t.Error("it was opened")
		closeTable(t, opened)
	}
	return err
}

func TestOneOfTwoWins(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		var opened [2]*table.Table
		var errs [2]error
		var opening sync.WaitGroup
		for i := range opened {
			opening.Go(func() {
				opened[i], errs[i] = table.Open(t.Context(), at.database, table.Application{ID: app}, nil)
			})
		}
		opening.Wait()
		winner := 0
		if opened[0] == nil {
			winner = 1
		}
		if errs[winner] != nil {
			t.Fatal(errs)
		}
		running, is := errors.AsType[*table.RunningError](errs[1-winner])
		if !is {
			t.Fatalf("the other: %v", errs[1-winner])
		}
		holder := map[engine.Kind]string{engine.SQLite: "process " + strconv.Itoa(os.Getpid()), engine.Postgres: "synapse entity", engine.MySQL: "connection "}[at.Engine]
		if !strings.Contains(running.Holder, holder) || running.Application != app {
			t.Error(running)
		}
		write(t, opened[winner], changeTo(row("a", 1))...)
		closeTable(t, opened[winner])
		mustHold(t, open(t, at.database, app), row("a", 1))
	})
}

// The lock of a process that is killed is free at once, and what it has written is there.
func TestKilledProcessFreesTheLock(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		process := dbtest.Process{Variable: holdingVariable, Work: holding{Database: at.Database, Application: app}}
		command := process.Start(t, io.Discard)
		dbtest.Await(t, func() bool { return counted(t, at) > 3 })
		running, is := errors.AsType[*table.RunningError](openError(t, at.database, app))
		if !is || !strings.Contains(running.Record, "process "+strconv.Itoa(command.Process.Pid)) {
			t.Errorf("opened beside a running process: %v", running)
		}
		last := counted(t, at)
		if err := command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait() // it tells of the kill
		rows := load(t, open(t, at.database, app))
		if len(rows) != 1 {
			t.Fatal(rows)
		}
		if count, err := strconv.Atoi(string(rows[0].State)); err != nil || count < last {
			t.Errorf("%d after %d, %v", count, last, err)
		}
	})
}

// counted is how far the other process has come, seen from beside it.
func counted(t testing.TB, at place) (count int) {
	t.Helper()
	viewer, err := table.OpenViewer(t.Context(), at.database, nil)
	if err != nil {
		return 0 // there are no tables yet
	}
	defer viewer.Close()
	err = viewer.Entities(t.Context(), app, func(_ string, row table.Row) (err error) {
		count, err = strconv.Atoi(string(row.State))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestClosedTableRefuses(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		closeTable(t, opened)
		closeTable(t, opened)
		for _, err := range []error{
			opened.Write(t.Context(), changeTo(row("a", 1))),
			opened.Load(t.Context(), func(table.Row) error { return nil }),
		} {
			if _, isClosed := errors.AsType[*table.ClosedError](err); !isClosed {
				t.Error(err)
			}
		}
		mustHold(t, open(t, at.database, app))
	})
}
