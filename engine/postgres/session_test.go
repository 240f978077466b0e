package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func openSession(t *testing.T, config *postgres.Config) engine.Session {
	t.Helper()
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

// newSession opens a session on a database of the test's own.
func newSession(t *testing.T) (engine.Session, *postgres.Config) {
	t.Helper()
	config := configOf(t, dbtest.NewDatabase(t), nil)
	return openSession(t, config), config
}

func run(t *testing.T, querier engine.Querier, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := querier.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// one reads one value.
func one[T any](t *testing.T, querier engine.Querier, query string, values ...any) T {
	t.Helper()
	var value T
	if err := querier.QueryRow(t.Context(), query, values...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestSessionSettings(t *testing.T) {
	t.Parallel()
	session, config := newSession(t)
	want := map[string]string{
		"application_name": "synapse upgrade", "client_min_messages": "warning", "default_transaction_isolation": "read committed",
		"idle_in_transaction_session_timeout": "0", "lock_timeout": "30s", "statement_timeout": "0",
	}
	got := map[string]string{}
	for name := range want {
		got[name] = one[string](t, session, "SELECT current_setting(?)", name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if session.Name() != config.Describe() || session.Engine() != engine.Postgres || !session.TransactionalDDL() {
		t.Errorf("%s is %s, DDL is transactional: %v", session.Name(), session.Engine(), session.TransactionalDDL())
	}
}

// A statement that was used before must not be bound to the table as it was.
func TestSessionSeesTheSchemaChange(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	run(t, session, "CREATE TABLE pairs (a int, b jsonb)")
	for range 3 {
		affected, err := session.Exec(t.Context(), "INSERT INTO pairs (a, b) VALUES (?, ?), (2, NULL)", 1, `{"k":1}`)
		if err != nil || affected != 2 {
			t.Fatalf("%d rows, %v", affected, err)
		}
		run(t, session, "ALTER TABLE pairs ALTER a TYPE text", "ALTER TABLE pairs ALTER a TYPE int USING a::int")
		if got := one[int](t, session, "SELECT a FROM pairs WHERE b ?? ? LIMIT 1", "k"); got != 1 {
			t.Error(got)
		}
	}
}

func TestSessionTransact(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	wrong := errors.New("wrong")
	err := session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		run(t, tx, "CREATE TABLE lost (a int)")
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	attempts := 0
	err = session.Transact(t.Context(), engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
		attempts++
		run(t, tx, "CREATE TABLE kept (a int)", "INSERT INTO kept VALUES (1)")
		if attempts == 3 {
			return nil
		}
		_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")
		return err
	})
	if err != nil || attempts != 3 {
		t.Errorf("%d attempts: %v", attempts, err)
	}
	got := one[string](t, session, "SELECT string_agg(relname, ',') FROM pg_class WHERE relname IN ('lost', 'kept')")
	if got != "kept" {
		t.Error(got)
	}
}

func TestSessionTransactFailsWhenAFailureWasIgnored(t *testing.T) {
	t.Parallel()
	session, _ := newSession(t)
	err := session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		_, _ = tx.Exec(t.Context(), "SELECT 1/0")
		return nil
	})
	if err == nil {
		t.Error("what was rolled back is told to be committed")
	}
}

func TestSessionAfterACancelledContext(t *testing.T) {
	t.Parallel()
	session, config := newSession(t)
	unlock, err := session.LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		run(t, tx, "CREATE TABLE lost (a int)")
		cancel()
		_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	other := openSession(t, config)
	if unlock, err = other.LockSchema(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if catalog, err := other.Describe(t.Context()); err != nil || len(catalog.Tables) != 0 {
		t.Errorf("%v, %v", catalog, err)
	}
}

func TestSessionExplainsALockTimeout(t *testing.T) {
	t.Parallel()
	session, config := newSession(t)
	run(t, session, "CREATE TABLE busy (a int)", "SET lock_timeout = '10ms'")
	server := connect(t, config, nil)
	if _, err := server.Exec(t.Context(), "BEGIN; SELECT * FROM busy"); err != nil {
		t.Fatal(err)
	}
	const statement = "ALTER TABLE busy ADD b int"
	_, outside := session.Exec(t.Context(), statement)
	inside := session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		_, err := tx.Exec(t.Context(), statement)
		return err
	})
	for _, err := range []error{outside, inside} {
		var told *engine.Error
		if !errors.As(err, &told) || !strings.Contains(told.Hint, "stop the server") {
			t.Errorf("error %v", err)
		}
	}
}

func TestSessionIsRefused(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	for name, others := range map[string]args{
		"no server": {"host": "127.0.0.1", "port": 1},
		"no schema": {"options": "-c search_path=missing"},
	} {
		mustRefuseSession(t, name, configOf(t, database, others), database.Password)
	}
}

// mustRefuseSession wants an error that says what to do, without the password.
func mustRefuseSession(t *testing.T, name string, config *postgres.Config, password string) error {
	t.Helper()
	session, err := config.OpenSession(t.Context(), nil)
	told, isTold := errors.AsType[*engine.Error](err)
	if session != nil || !isTold || told.Hint == "" || strings.Contains(err.Error(), password) {
		t.Errorf("%s: %v", name, err)
	}
	return err
}

// Sessions that hold the lock one after the other must never do so at once.
func TestSchemaLockExcludes(t *testing.T) {
	t.Parallel()
	for _, count := range []int{2, 10} {
		session, config := newSession(t)
		run(t, session, "CREATE TABLE steps (n int)", "INSERT INTO steps VALUES (0)")
		var running sync.WaitGroup
		for range count {
			other := openSession(t, config)
			running.Go(func() {
				if err := stepAlone(t.Context(), other); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if got := one[int](t, session, "SELECT n FROM steps"); got != count {
			t.Errorf("%d of %d steps", got, count)
		}
	}
}

// stepAlone counts in a way that loses a step when somebody else does the same at once.
func stepAlone(ctx context.Context, session engine.Session) error {
	unlock, err := session.LockSchema(ctx, nil)
	if err != nil {
		return err
	}
	var n int
	if err := session.QueryRow(ctx, "SELECT n FROM steps, pg_sleep(0.01)").Scan(&n); err != nil {
		return err
	}
	_, err = session.Exec(ctx, "UPDATE steps SET n = ?", n+1)
	return errors.Join(err, unlock())
}

func TestSchemaLockTellsItsHolder(t *testing.T) {
	t.Parallel()
	holder, config := newSession(t)
	unlock, err := holder.LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told []string
	waiter := openSession(t, config)
	_, err = waiter.LockSchema(ctx, func(holder string) {
		told = append(told, holder)
		cancel()
	})
	if !errors.Is(err, context.Canceled) || len(told) != 1 {
		t.Fatalf("told %q: %v", told, err)
	}
	for _, part := range []string{"user " + config.User(), "application synapse upgrade", "from ", "idle since 20"} {
		if !strings.Contains(told[0], part) {
			t.Errorf("%q lacks %q", told[0], part)
		}
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func TestSchemaLockEndsWithItsHolder(t *testing.T) {
	t.Parallel()
	holder, config := newSession(t)
	if _, err := holder.LockSchema(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	waiter := openSession(t, config)
	unlock, err := waiter.LockSchema(t.Context(), func(string) { // by now it waits
		admin := connect(t, config, nil)
		_, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// Schemas of one database are upgraded independently of each other.
func TestSchemaLockIsTheSchemas(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	first := openSession(t, configOf(t, database, nil))
	run(t, first, "CREATE SCHEMA other")
	second := openSession(t, configOf(t, database, args{"options": "-c search_path=other"}))
	for _, session := range []engine.Session{first, second} {
		if _, err := session.LockSchema(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOtherSessions(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	config := configOf(t, database, nil)
	session := openSession(t, config)
	_ = openSession(t, config)
	if others, err := session.OtherSessions(t.Context()); err != nil || len(others) != 0 {
		t.Fatalf("%q, %v", others, err)
	}
	server := connect(t, configOf(t, database, overTCP(t, args{"application_name": "matrix"})), nil)
	superuser := database.ConnectSuperuser(t)
	others, err := session.OtherSessions(t.Context())
	if err != nil || len(others) != 2 {
		t.Fatalf("%q, %v", others, err)
	}
	slices.SortFunc(others, func(a, b string) int { return strings.Count(b, "matrix") - strings.Count(a, "matrix") })
	for i, parts := range [][]string{
		{"pid " + pid(server.PgConn().PID()), "user " + database.Owner, "application matrix", "from 127.0.0.1", "idle since 20"},
		{"pid " + pid(superuser.PgConn().PID()), "user "}, // the rest of it is not for this role to see
	} {
		for _, part := range parts {
			if !strings.Contains(others[i], part) {
				t.Errorf("%q lacks %q", others[i], part)
			}
		}
	}
}

func pid(number uint32) string { return strconv.FormatUint(uint64(number), 10) }

// Only sessions that need a processor or a disk count. Those of other roles, which tests beside this one have, are not shown to this one.
func TestSessionsAtWork(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	config := configOf(t, database, nil)
	session := openSession(t, config)
	run(t, session, "CREATE TABLE held (a int)")
	holder := openSession(t, config)
	run(t, holder, "BEGIN", "LOCK TABLE held")
	beside := func(query string) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		other := openSession(t, config)
		ended := make(chan error, 1)
		go func() {
			_, err := other.Exec(ctx, query)
			ended <- err
		}()
		return func() {
			cancel()
			<-ended
		}
	}
	defer beside("SELECT pg_sleep(1000)")()
	defer beside("SELECT FROM held")()
	awaitNumber(t, session, "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event_type IN ('Lock', 'Timeout')", 2)
	if count, err := session.SessionsAtWork(t.Context()); err != nil || count != 0 {
		t.Errorf("%d at work, %v", count, err)
	}
	stop := beside("SELECT count(*) FROM generate_series(1, 1000000000)")
	defer stop()
	awaitNumber(t, session, sessionsActive, 3)
	awaitAtWork(t, session, 1)
}

// sessionsActive counts the other sessions that run a statement, whatever they wait for.
const sessionsActive = `SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND state = 'active' AND pid <> pg_backend_pid()`

func awaitNumber(t *testing.T, session engine.Session, query string, want int) {
	t.Helper()
	for got := -1; got != want; {
		if err := session.QueryRow(t.Context(), query).Scan(&got); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitAtWork asks until so many are at work: at some moments a session waits for its file, say.
func awaitAtWork(t *testing.T, session engine.Session, want int) {
	t.Helper()
	for got := -1; got != want; {
		var err error
		if got, err = session.SessionsAtWork(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
