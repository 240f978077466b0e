package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// indexes tells the definitions of a catalog's indexes by their names.
func indexes(t *testing.T, session engine.Session) map[string]string {
	t.Helper()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, object := range catalog.Objects {
		if object.Type == "index" {
			found[object.Name] = object.Definition
		}
	}
	return found
}

func TestExecAloneBuildsAnIndex(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before    []string
		statement string
		want      map[string]string
	}{
		"a new one": {
			nil, "create /* a; */ INDEX concurrently i ON public . t (a)",
			map[string]string{"i": "CREATE INDEX i ON t USING btree (a)"},
		},
		"in place of an invalid one": {
			[]string{"CREATE INDEX i ON t (a)", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass"},
			"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY t (a, b)",
			map[string]string{"i": "CREATE INDEX i ON t USING btree (a, b)"},
		},
		"a quoted one in place of an invalid one": {
			[]string{`CREATE INDEX "I ""x" ON t (a)`, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"I ""x"'::regclass`},
			`CREATE UNIQUE INDEX CONCURRENTLY "I ""x" ON "t" (a) WHERE b = '?'`,
			map[string]string{`I "x`: `CREATE UNIQUE INDEX "I ""x" ON t USING btree (a) WHERE b = '?'::text`},
		},
		"where it is built": {
			[]string{"CREATE INDEX i ON t (a)"}, "CREATE INDEX CONCURRENTLY i ON t (a)",
			map[string]string{"i": "CREATE INDEX i ON t USING btree (a)"},
		},
		"beside an invalid one of another table": {
			[]string{"CREATE SCHEMA other", "CREATE TABLE other.t (a int)", "CREATE INDEX i ON other.t (a)", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'other.i'::regclass"},
			"CREATE INDEX CONCURRENTLY i ON t (a)",
			map[string]string{"i": "CREATE INDEX i ON t USING btree (a)"},
		},
		"dropped": {
			[]string{"CREATE INDEX i ON t (a)"}, "DROP INDEX CONCURRENTLY IF EXISTS i", map[string]string{},
		},
		"another statement": {nil, "VACUUM t", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := superuserSession(t)
			run(t, session, "CREATE TABLE t (a int, b text)", "INSERT INTO t VALUES (1, 'x')")
			run(t, session, test.before...)
			if err := session.ExecAlone(t.Context(), test.statement); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, indexes(t, session)); diff != "" {
				t.Error(diff)
			}
			if got := one[string](t, session, "SHOW lock_timeout"); got != "30s" {
				t.Errorf("lock_timeout is %s", got)
			}
		})
	}
}

// superuserSession may mark an index as invalid.
func superuserSession(t *testing.T) engine.Session {
	t.Helper()
	database := dbtest.NewDatabase(t)
	parsed, err := pgconn.ParseConfig(database.SuperuserDSN)
	if err != nil {
		t.Fatal(err)
	}
	return openSession(t, configOf(t, database, args{"user": parsed.User, "host": parsed.Host, "password": ""}))
}

func TestExecAloneFailures(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	run(t, session, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (1)", "CREATE INDEX plain ON t (a)")
	unnamed, isTold := errors.AsType[*engine.Error](session.ExecAlone(t.Context(), "CREATE INDEX CONCURRENTLY ON t (a)"))
	if !isTold || unnamed.Hint == "" {
		t.Errorf("without a name: %v", unnamed)
	}
	for statement, code := range map[string]string{
		"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)":     "23505",
		"CREATE UNIQUE INDEX CONCURRENTLY plain ON t (a)": "42P07", // it is there, and not unique
		"CREATE INDEX CONCURRENTLY i ON missing (a)":      "42P01",
		"CREATE INDEX CONCURRENTLY":                       "42601",
	} {
		server, isServer := errors.AsType[*pgconn.PgError](session.ExecAlone(t.Context(), statement))
		if !isServer || server.Code != code {
			t.Errorf("%s: %v", statement, server)
		}
	}
	if diff := cmp.Diff(map[string]string{"plain": "CREATE INDEX plain ON t USING btree (a)"}, indexes(t, session)); diff != "" {
		t.Errorf("after refused builds: %s", diff)
	}
	run(t, session, "DELETE FROM t")
	if err := session.ExecAlone(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)"); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

// Somebody else's transaction is waited for, whatever lock_timeout is; when that is interrupted, the next run mends it.
func TestExecAloneInterrupted(t *testing.T) {
	t.Parallel()
	session, config := newSession(t)
	run(t, session, "CREATE TABLE t (a int)", "SET lock_timeout = '1ms'")
	server := connect(t, config, nil)
	if _, err := server.Exec(t.Context(), "BEGIN; INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	const statement = "CREATE INDEX CONCURRENTLY i ON t (a)"
	observer := openSession(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		for len(indexes(t, observer)) == 0 && ctx.Err() == nil {
			_ = engine.Wait(ctx, 5*time.Millisecond)
		}
		cancel()
	}()
	if err := session.ExecAlone(ctx, statement); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(map[string]string{"i": "CREATE INDEX i ON t USING btree (a) INVALID"}, indexes(t, observer)); diff != "" {
		t.Error(diff)
	}
	if _, err := server.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := observer.ExecAlone(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"i": "CREATE INDEX i ON t USING btree (a)"}, indexes(t, observer)); diff != "" {
		t.Error(diff)
	}
}
