package dbtest_test

import (
	"sync/atomic"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// Each test has a database of its own, with tables that its owner may do everything with.
func TestPreparedDatabasesAreCopies(t *testing.T) {
	t.Parallel()
	var prepared atomic.Int32
	prepare := func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		prepared.Add(1)
		connection := empty.Connect(t)
		defer connection.Close(t.Context())
		const statements = `CREATE TABLE counted (id bigserial, what text); INSERT INTO counted (what) VALUES ('prepared');
			CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA another`
		if _, err := connection.Exec(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
	}
	other := func(o *server.DatabaseOptions) { o.CType = "C.UTF-8" }
	t.Run("all", func(t *testing.T) {
		for name, options := range map[string][]dbtest.Option{"one": nil, "another": nil, "of another locale": {other}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				database := dbtest.NewPreparedDatabase(t, "counted", prepare, options...)
				connection := database.Connect(t)
				const change = `ALTER TABLE counted ADD extra text; INSERT INTO counted (what) VALUES ('of this test');
					DROP FUNCTION public.one(); DROP SCHEMA another`
				if _, err := connection.Exec(t.Context(), change); err != nil {
					t.Fatal(err)
				}
				var rows int
				var ctype string
				const query = `SELECT count(*), (SELECT datctype FROM pg_database WHERE datname = current_database()) FROM counted`
				if err := connection.QueryRow(t.Context(), query).Scan(&rows, &ctype); err != nil {
					t.Fatal(err)
				}
				if want := map[bool]string{true: "C", false: "C.UTF-8"}[options == nil]; rows != 2 || ctype != want {
					t.Errorf("%d rows, want 2; the locale is %s, want %s", rows, ctype, want)
				}
			})
		}
	})
	if got := prepared.Load(); got != 2 {
		t.Errorf("prepared %d times, want once for each locale", got)
	}
}

func TestOnceMakesOneValueForAKey(t *testing.T) {
	t.Parallel()
	var shared dbtest.Once[string, int32]
	var made atomic.Int32
	for _, key := range []string{"a", "b", "a", "b"} {
		want := map[string]int32{"a": 1, "b": 2}[key]
		if got := shared.Get(t, key, func() int32 { return made.Add(1) }); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
}
