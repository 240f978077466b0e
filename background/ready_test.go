package background_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// alone runs one update to its end.
func alone(t *testing.T, place address, handler background.AloneHandler, change ...func(*background.Config)) error {
	t.Helper()
	if len(place.pending(t)) == 0 {
		place.enqueue(t, "update")
	}
	registry := background.NewRegistry()
	registry.RegisterAlone("update", handler, background.InBatches())
	return newUpdater(t, place, registry, change...).Run(t.Context())
}

// indexes gives the definitions of a table's indexes.
func indexes(t *testing.T, place address, table string) map[string]string {
	t.Helper()
	session, err := place.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, object := range catalog.Objects {
		if object.Type == "index" && object.Table == table {
			found[object.Name] = object.Definition
		}
	}
	return found
}

func attemptsOnce(config *background.Config) { config.Attempts = 1 }

func TestCreateIndex(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 10)
		place.exec(t, "CREATE INDEX numbers_old ON numbers (n)")
		index := background.CreateIndex{Name: "numbers_new", Table: "numbers", Columns: []string{"n", "id"}, Unique: true, Replaces: "numbers_old"}
		for range 2 { // the second time it is there already
			if err := alone(t, place, index.Run); err != nil {
				t.Fatal(err)
			}
		}
		found := indexes(t, place, "numbers")
		if len(found) != 1 || !strings.Contains(strings.ToUpper(found["numbers_new"]), "UNIQUE") {
			t.Errorf("%q", found)
		}
		for _, another := range []background.CreateIndex{
			{Name: "numbers_new", Table: "numbers", Columns: []string{"n", "id"}},
			{Name: "numbers_new", Table: "numbers", Columns: []string{"id", "n"}, Unique: true},
			{Name: "numbers_new", Table: "numbers", Columns: []string{"n DESC", "id"}, Unique: true},
		} {
			place.exec(t, "DELETE FROM background_updates")
			left, isLeft := errors.AsType[*background.LeftError](alone(t, place, another.Run, attemptsOnce))
			if !isLeft || !strings.Contains(left.Error(), "there is another index of that name") {
				t.Errorf("%+v: %v", another, left)
			}
			if _, err := background.Retry(t.Context(), place.Session(t)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPartialIndex(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 10)
		index := background.CreateIndex{Name: "some", Table: "numbers", Columns: []string{"(n + 1)"}, Where: "n > 0 AND id < 5"}
		for range 2 {
			if err := alone(t, place, index.Run); err != nil {
				t.Fatal(err)
			}
		}
		want := 1
		if place.Engine == engine.MySQL {
			want = 0
		}
		if found := indexes(t, place, "numbers"); len(found) != want {
			t.Errorf("%q", found)
		}
		only := background.CreateIndex{Name: "only", Table: "numbers", Columns: []string{"n"}, Only: []engine.Kind{"none"}}
		if err := alone(t, place, only.Run); err != nil || indexes(t, place, "numbers")["only"] != "" {
			t.Errorf("an index for another engine was made, or %v", err)
		}
	})
}

// A build that is interrupted in its middle leaves an invalid index; the next one ends with a valid one.
func TestInterruptedIndexIsBuiltAnew(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.Postgres)
	place.newNumbers(t, 1000)
	place.enqueue(t, "update")
	server := openPool(t, place)
	index := background.CreateIndex{Name: "numbers_n", Table: "numbers", Columns: []string{"n"}}
	err := server.Transact(t.Context(), func(tx engine.Tx) error { // for the end of this, the build waits
		if _, err := tx.Exec(t.Context(), "UPDATE numbers SET n = 2 WHERE id = 1"); err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		registry, ended := background.NewRegistry(), make(chan error)
		registry.RegisterAlone("update", index.Run)
		go func() { ended <- newUpdater(t, place, registry).Run(ctx) }()
		await(t, place, "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relname = 'numbers_n' AND NOT indisvalid")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return fmt.Errorf("the run ended with %w", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := alone(t, place, index.Run, func(config *background.Config) { config.Wait = true }); err != nil {
		t.Fatal(err)
	}
	if place.number(t, "SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relname LIKE 'numbers_n%' AND indisvalid") != 1 {
		t.Error("there is no valid index")
	}
}

// await waits until a count is not 0.
func await(t *testing.T, place address, query string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); place.number(t, query) == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("it stays 0: %s", query)
		}
	}
}

func TestFillColumnByKeys(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.exec(t, "CREATE TABLE seats (row_name VARCHAR(10) NOT NULL, number INTEGER NOT NULL, taken INTEGER NOT NULL, PRIMARY KEY (row_name, number))")
		for row := range 5 {
			var values []string
			for number := range 70 {
				values = append(values, fmt.Sprintf("('row %d', %d, %d)", row, number, number%2))
			}
			place.exec(t, "INSERT INTO seats VALUES "+strings.Join(values, ", "))
		}
		place.enqueue(t, "fill", "delete after fill")
		registry := background.NewRegistry()
		registry.Register("fill", background.FillColumn{Table: "seats", Keys: []string{"row_name", "number"}, Set: "taken = taken + 1", Where: "taken = 1"}.Run)
		registry.Register("delete", background.Statement{Table: "seats", Keys: []string{"row_name", "number"}, SQL: "DELETE FROM seats WHERE {range} AND taken = 0"}.Run)
		batches := 0
		err := newUpdater(t, place, registry, func(config *background.Config) {
			config.OnBatch = func(background.Report) { batches++ }
			config.Pacing.MaxBatchSize = 100
		}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := []int64{place.number(t, "SELECT count(*) FROM seats"), place.number(t, "SELECT sum(taken) FROM seats"), int64(batches)}
		if diff := cmp.Diff([]int64{175, 350, 8}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStatementWithoutBoundsIsRefused(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	place.newNumbers(t, 1)
	place.enqueue(t, "update")
	registry := background.NewRegistry()
	registry.Register("update", background.Statement{Table: "numbers", Keys: []string{"id"}, SQL: "UPDATE numbers SET n = 5"}.Run)
	if worked, err := newUpdater(t, place, registry).RunBatch(t.Context()); !worked || err == nil {
		t.Errorf("%v, %v", worked, err)
	}
}

func TestValidateAndDelete(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		place.newNumbers(t, 500)
		place.exec(t, "CREATE TABLE parents (id BIGINT NOT NULL PRIMARY KEY)", "INSERT INTO parents SELECT id FROM numbers WHERE id <= 300")
		want := int64(500)
		if place.Engine == engine.Postgres {
			place.exec(t, "ALTER TABLE numbers ADD CONSTRAINT numbers_fkey FOREIGN KEY (id) REFERENCES parents (id) NOT VALID",
				"ALTER TABLE numbers ALTER n DROP NOT NULL", "UPDATE numbers SET n = NULL WHERE id % 3 = 0",
				"ALTER TABLE numbers ADD CONSTRAINT numbers_not_null CHECK (n IS NOT NULL) NOT VALID")
			want = 200
		}
		plain := background.ValidateConstraint{Table: "numbers", Constraint: "numbers_not_null"}
		err := alone(t, place, plain.Run, attemptsOnce)
		if left, isLeft := errors.AsType[*background.LeftError](err); isLeft != (place.Engine == engine.Postgres) {
			t.Errorf("%v", left)
		}
		place.exec(t, "DELETE FROM background_updates")
		wrong := background.ValidateAndDelete{Table: "numbers", Constraint: "numbers_not_null", Keys: []string{"id"}, Breaks: "n = 77"}
		place.enqueue(t, "wrong", "null", "reference")
		registry := background.NewRegistry()
		registry.RegisterAlone("wrong", wrong.Run, background.InBatches())
		registry.RegisterAlone("null", background.ValidateAndDelete{
			Table: "numbers", Constraint: "numbers_not_null", Keys: []string{"id"}, Breaks: background.IsNull("n"),
		}.Run, background.InBatches())
		registry.RegisterAlone("reference", background.ValidateAndDelete{
			Table: "numbers", Constraint: "numbers_fkey", Keys: []string{"id"},
			Breaks: background.LacksReference("numbers", []string{"id"}, "parents", []string{"id"}),
		}.Run, background.InBatches())
		updater := newUpdater(t, place, registry)
		if place.Engine == engine.Postgres {
			place.exec(t, "DELETE FROM background_updates WHERE update_name = 'null'")
			if _, isLeft := errors.AsType[*background.LeftError](updater.Run(t.Context())); !isLeft {
				t.Error("a condition that finds nothing is taken")
			}
			place.exec(t, "DELETE FROM background_updates")
			place.enqueue(t, "null", "reference")
		}
		if err := updater.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if rows := place.number(t, "SELECT count(*) FROM numbers"); rows != want {
			t.Errorf("%d rows, want %d", rows, want)
		}
	})
}

// A table that somebody holds is given up soon, and tried again.
func TestChangeTableGivesUpAndTriesAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			place.newNumbers(t, 1)
			change := background.ChangeTable{Statement: "ALTER TABLE numbers ADD COLUMN more INTEGER"}
			var clock *testClock
			held := make(chan struct{})
			ended, begun := make(chan error, 1), make(chan struct{})
			server := openPool(t, place)
			go func() {
				ended <- server.Transact(t.Context(), func(tx engine.Tx) error {
					_, err := tx.Exec(t.Context(), "UPDATE numbers SET n = 1")
					close(begun)
					<-held
					return err
				})
			}()
			<-begun
			clock = newClock()
			clock.onSleep = func(time.Duration) {
				close(held)
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			if err := alone(t, place, change.Run, func(config *background.Config) { config.Clock = clock }); err != nil {
				t.Fatal(err)
			}
			if waits := clock.slept(); len(waits) != 1 {
				t.Errorf("waited %v", waits)
			}
		})
	}
}
