package port_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// processVariable makes the test binary a process that ports, as its content, in JSON, says.
const processVariable = "SYNAPSE_PORT_TEST_PROCESS"

// portProcess is what such a process has to do.
type portProcess struct {
	Source    string         `json:"source"`
	Target    map[string]any `json:"target"`
	State     map[string]any `json:"state"` // the target of state, if there is one
	Aside     string         `json:"aside"`
	Policy    port.Policy    `json:"policy"`
	Write     string         `json:"write"` // a statement to run on the source instead of a port
	Batch     int            `json:"batch"`
	Jobs      int            `json:"jobs"`
	KillAt    int64          `json:"kill_at"`    // rows after which the process kills itself; 0 for never
	FileLimit uint64         `json:"file_limit"` // bytes that the process may write to one file; 0 for as many as it likes
}

func (p portProcess) Run(ctx context.Context) error {
	if p.Write != "" {
		return p.write(ctx)
	}
	if p.FileLimit > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: p.FileLimit, Max: p.FileLimit}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
	}
	target, _, err := postgres.ParseArgs(p.Target)
	if err != nil {
		return err
	}
	var state *postgres.Config
	if p.State != nil {
		if state, _, err = postgres.ParseArgs(p.State); err != nil {
			return err
		}
	}
	progress := port.NewProgress()
	if p.KillAt > 0 {
		go killAt(progress, p.KillAt)
	}
	_, err = port.Run(ctx, port.Options{
		Source: p.Source, Target: target, State: state, SetAsideFile: p.Aside, OnBadValue: p.Policy, BatchSize: p.Batch, Jobs: p.Jobs, Progress: progress,
	})
	return err
}

// write plays the homeserver.
func (p portProcess) write(ctx context.Context) error {
	db, err := sql.Open("sqlite", p.Source)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, p.Write)
	return errors.Join(err, db.Close())
}

func (p portProcess) process() dbtest.Process {
	return dbtest.Process{Variable: processVariable, Work: p}
}

// guardState is what a look at the target tells of a port.
type guardState struct {
	Unfinished bool // the schema synapse_port is there, and does not say that the port is complete
	Compat     int64
}

// guarded is the only state in which a target may be that is not complete.
func guarded() guardState { return guardState{Unfinished: true, Compat: 2147483647} }

func lookAtGuard(t *testing.T, database *dbtest.Database) guardState {
	t.Helper()
	var state guardState
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		var known bool
		err := conn.QueryRow(t.Context(), `SELECT to_regclass('synapse_port.run') IS NOT NULL,
			(SELECT compat_version FROM schema_compat_version)`).Scan(&known, &state.Compat)
		if err == nil && known {
			err = conn.QueryRow(t.Context(), "SELECT phase <> 'complete' FROM synapse_port.run").Scan(&state.Unfinished)
		}
		return err
	})
	return state
}

// asSuperuser works on a connection that is closed afterwards, so that no session hinders the next port.
func asSuperuser(t *testing.T, database *dbtest.Database, work func(*pgx.Conn) error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.SuperuserDSN)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(work(conn), conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

const tableNames = `SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname`

const sequencePositions = `SELECT sequencename, coalesce(last_value, 0)::text FROM pg_sequences WHERE schemaname = 'public'`

// content returns a hash of the rows of each table, and the position of each sequence.
func content(t *testing.T, database *dbtest.Database) map[string]string {
	t.Helper()
	found := map[string]string{}
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		rows, _ := conn.Query(t.Context(), tableNames)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		parts := make([]string, len(names))
		for i, name := range names {
			parts[i] = fmt.Sprintf(`SELECT %s, count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), '')
				FROM public.%s AS t`, postgres.QuoteLiteral(name), name)
		}
		for _, query := range []string{strings.Join(parts, " UNION ALL "), sequencePositions} {
			if err := collect(t, conn, query, found); err != nil {
				return err
			}
		}
		return nil
	})
	return found
}

func collect(t *testing.T, conn *pgx.Conn, query string, into map[string]string) error {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		return err
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		into[name] = value
		return nil
	})
	return err
}

// schemaDump returns what pg_dump writes of the schema, without the port's own and the words that differ from call to call.
func schemaDump(t *testing.T, database *dbtest.Database) string {
	t.Helper()
	dump := exec.CommandContext(t.Context(), dbtest.Postgres(t).Bin("pg_dump"), "--schema-only", "--no-owner",
		"--exclude-schema=synapse_port", "--dbname="+database.DSN)
	output, err := dump.Output()
	if err != nil {
		t.Fatal(err)
	}
	waitForSessionsToEnd(t, database)
	var kept []string
	for line := range strings.Lines(string(output)) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// folderOf returns the content of every file beside a source, and of the source.
func folderOf(t *testing.T, source string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Dir(source))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		bytes, err := os.ReadFile(filepath.Join(filepath.Dir(source), entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(bytes)
	}
	return files
}

// expectation is how source and target look when everything is done.
type expectation struct {
	folder  map[string]string
	fresh   map[string]string // content of a prepared target
	content map[string]string // content of a ported one
	schema  string

	duration time.Duration // of the port
}

// lesson is what tells two calls of expect apart.
type lesson struct {
	source [sha256.Size]byte
	policy port.Policy
}

// learned is what expect has found, for all tests whose sources hold the same bytes.
var learned dbtest.Once[lesson, expectation]

// expect ports a source without a disturbance to learn what comes of it.
func expect(t *testing.T, source string, policy port.Policy) expectation {
	t.Helper()
	folder := folderOf(t, source)
	key := lesson{sha256.Sum256([]byte(folder[filepath.Base(source)])), policy}
	e := learned.Get(t, key, func() expectation { return learn(t, source, policy) })
	e.folder = folder
	return e
}

func learn(t *testing.T, source string, policy port.Policy) expectation {
	t.Helper()
	target := preparedTarget(t)
	e := expectation{fresh: content(t, target), schema: schemaDump(t, target)}
	e.duration = portProcess{
		Source: source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside"), Policy: policy,
	}.process().MustEnd(t)
	e.content = content(t, target)
	return e
}

// complete checks that nothing distinguishes a port that was disturbed from one that was not.
func (e expectation) complete(t *testing.T, source string, target *dbtest.Database) {
	t.Helper()
	waitForSessionsToEnd(t, target)
	state := lookAtGuard(t, target)
	if state.Unfinished || state.Compat == guarded().Compat {
		t.Errorf("the guard is still up: %+v", state)
	}
	if diff := cmp.Diff(e.content, content(t, target)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(e.schema, schemaDump(t, target)); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
	if !maps.Equal(e.folder, folderOf(t, source)) {
		t.Error("the source, or its folder, changed")
	}
}

// wholeOrGuarded checks that a homeserver cannot start on anything but a whole database, and reports whether the port
// is complete.
func (e expectation) wholeOrGuarded(t *testing.T, target *dbtest.Database) (finished bool) {
	t.Helper()
	if state := lookAtGuard(t, target); state == guarded() {
		return false
	}
	waitForSessionsToEnd(t, target)
	state := lookAtGuard(t, target) // a commit may have been under way
	if state == guarded() {
		return false
	}
	if state.Unfinished || state.Compat == guarded().Compat {
		t.Errorf("the guard is half up: %+v", state)
	}
	got := content(t, target)
	if maps.Equal(got, e.content) {
		return true
	}
	if diff := cmp.Diff(e.fresh, got); diff != "" {
		t.Errorf("the target is not guarded, not complete, and not untouched either (-fresh +got):\n%s", diff)
	}
	return false
}
