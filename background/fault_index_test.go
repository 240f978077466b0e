package background_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

const (
	builderSQL = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE % CONCURRENTLY%' AND state = 'active'`
	invalidSQL = `SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relname = 'numbers_n' AND NOT indisvalid`
	validSQL   = `SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relname LIKE 'numbers_n%' AND indisvalid`
)

// holdTable keeps a transaction open that has written to the table; the build of an index waits for its end.
func holdTable(t *testing.T, place address) (release func()) {
	t.Helper()
	server := openPool(t, place)
	begun, over, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- server.Transact(context.Background(), func(tx engine.Tx) error {
			_, err := tx.Exec(context.Background(), "UPDATE numbers SET n = n WHERE id = 1")
			close(begun)
			<-over
			return err
		})
	}()
	<-begun
	release = sync.OnceFunc(func() {
		close(over)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release)
	return release
}

// The process is killed while CREATE INDEX CONCURRENTLY waits. The server's session lives on and goes on with the
// statement: the next run is refused, or waits, as long as it does. Whatever becomes of the statement, the next run ends
// with a valid index.
func TestIndexUpdateWhoseProcessIsKilled(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(t *testing.T, place address){
		"its session builds the index to the end": func(*testing.T, address) {},
		"its session is ended and leaves an invalid index": func(t *testing.T, place address) {
			t.Helper()
			await(t, place, strings.Replace(builderSQL, "count(*)", "count(pg_terminate_backend(pid))", 1))
			if place.number(t, invalidSQL) != 1 {
				t.Error("there is no invalid index, which the next run is to find")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, engine.Postgres)
			place.newNumbers(t, 1000)
			place.enqueue(t, "index")
			release := holdTable(t, place)
			builder := process(t, task{Place: place, Size: 1})
			if err := builder.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, place, invalidSQL)
			_ = builder.Process.Kill()
			_ = builder.Wait()
			registry := background.NewRegistry()
			registry.RegisterAlone("index", numbersIndex.Run)
			running, isRunning := errors.AsType[*background.RunningError](newUpdater(t, place, registry).Run(t.Context()))
			if !isRunning || !strings.Contains(running.Holder, "application synapse updates") {
				t.Errorf("beside the session that is left: %v", running)
			}
			ends(t, place)
			next := make(chan error, 1)
			go func() {
				next <- newUpdater(t, place, registry, func(config *background.Config) { config.Wait = true }).Run(t.Context())
			}()
			release()
			if err := <-next; err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]int64{1, 0}, []int64{place.number(t, validSQL), place.number(t, invalidSQL)}); diff != "" {
				t.Error(diff)
			}
			if pending := place.pending(t); len(pending) > 0 {
				t.Errorf("pending: %q", pending)
			}
		})
	}
}

// A valid, identical index is the same one afterwards; it was not built again.
func TestValidIndexIsKept(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.Postgres)
	place.newNumbers(t, 10)
	place.exec(t, "CREATE INDEX numbers_n ON numbers (n)")
	const file = "SELECT relfilenode FROM pg_class WHERE relname = 'numbers_n'"
	before := place.number(t, file)
	if err := alone(t, place, numbersIndex.Run); err != nil {
		t.Fatal(err)
	}
	if after := place.number(t, file); after != before {
		t.Error("it was built again")
	}
}

// A unique index that the rows do not allow is set aside, with the rows named; nothing of it is left that would cost the
// server's writes time, or refuse them. When the rows are right it is built.
func TestUniqueIndexWithRowsThatRepeat(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 10)
		place.enqueue(t, "fine @9")
		place.enqueue(t, "update")
		index := background.CreateIndex{Name: "numbers_unique", Table: "numbers", Columns: []string{"n"}, Unique: true}
		registry := background.NewRegistry()
		registry.RegisterAlone("update", index.Run)
		registry.Register("fine", nothing)
		updater := newUpdater(t, place, registry)
		left, isLeft := errors.AsType[*background.LeftError](updater.Run(t.Context()))
		if !isLeft || len(left.Left) != 1 || left.Left[0].Reason != background.SetAside {
			t.Fatalf("left: %v", left)
		}
		if pending := place.pending(t); len(pending) != 1 || !strings.HasPrefix(pending[0], "update (5: ") {
			t.Errorf("pending: %q", pending)
		}
		if hasIndex(t, place, "numbers_unique") {
			t.Error("an index is left")
		}
		place.exec(t, "UPDATE numbers SET n = id")
		if _, err := background.Retry(t.Context(), place.Session(t)); err != nil {
			t.Fatal(err)
		}
		if err := updater.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if !hasIndex(t, place, "numbers_unique") {
			t.Error("it was not built")
		}
	})
}

// hasIndex counts an invalid one too.
func hasIndex(t *testing.T, place address, name string) bool {
	t.Helper()
	catalog, err := place.Session(t).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(catalog.Objects, func(object engine.Object) bool { return object.Type == "index" && object.Name == name })
}

// The timeouts that the server has for the database, as with statement_timeout: null, end neither a build that waits for a
// transaction of somebody else, nor a validation that waits for a lock, nor a long batch.
func TestTimeoutsOfTheDatabase(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.Postgres)
	place.newNumbers(t, 1000)
	place.exec(t, "ALTER TABLE numbers ADD CONSTRAINT numbers_check CHECK (n >= 0) NOT VALID")
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		place.exec(t, fmt.Sprintf(`ALTER DATABASE %q SET %s = '100ms'`, place.Args["dbname"], name))
	}
	for name, test := range map[string]struct {
		lock    string // what the transaction of somebody else does
		handler background.AloneHandler
		waits   string // a part of the statement that waits for it
	}{
		"index":      {"UPDATE numbers SET n = n WHERE id = 1", numbersIndex.Run, "CREATE INDEX CONCURRENTLY"},
		"validation": {"LOCK TABLE numbers IN SHARE UPDATE EXCLUSIVE MODE", background.ValidateConstraint{Table: "numbers", Constraint: "numbers_check"}.Run, "VALIDATE CONSTRAINT"},
	} {
		other := place.Session(t) // without the timeouts
		if _, err := other.Exec(t.Context(), "BEGIN"); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Exec(t.Context(), test.lock); err != nil {
			t.Fatal(err)
		}
		var failed error
		ended := make(chan error, 1)
		go func() {
			ended <- alone(t, place, test.handler, func(config *background.Config) {
				config.OnBatch = func(report background.Report) { failed = errors.Join(failed, report.Err) }
			})
		}()
		// Three times as long as what would end it.
		awaitStill(t, place, fmt.Sprintf(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
			AND pid <> pg_backend_pid() AND query LIKE '%%%s%%' AND clock_timestamp() - query_start > interval '300 ms'`, test.waits), ended)
		if _, err := other.Exec(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-ended, failed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if place.number(t, validSQL) != 1 || place.number(t, "SELECT count(*) FROM pg_constraint WHERE conname = 'numbers_check' AND convalidated") != 1 {
		t.Error("the index or the constraint is not valid")
	}
}

// awaitStill is await that sees when what it waits for can come no more.
func awaitStill(t *testing.T, place address, query string, ended chan error) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); place.number(t, query) == 0 && len(ended) == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("it stays 0: %s", query)
		}
	}
}
