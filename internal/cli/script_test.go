package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/cli"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// programVariable makes the test binary the program itself, under the name that it was started with.
const programVariable = "SYNAPSE_TEST_IS_PROGRAM"

// panicVariable makes it panic as soon as it shows a port on the whole terminal and SIGUSR1 comes.
const panicVariable = "SYNAPSE_TEST_PANICS"

func TestMain(m *testing.M) {
	if os.Getenv(panicVariable) != "" {
		cli.PanicOnScreen()
	}
	if os.Getenv(programVariable) != "" {
		os.Exit(cli.MainWith(registerTestUpdates, os.Args, os.Stdout, os.Stderr))
	}
	dbtest.Main(m)
}

// TestSessions runs the scripts in testdata, which read like a session at a terminal.
func TestSessions(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"target": target, "homeserver": generate, "exits": exits, "stopped": stopped, "has-keys": hasKeys, "sql": query,
			"upstream-schema": upstreamSchema, "older": older, "lite": lite, "waits": waits, "dump": dump,
			"in-use": inUse, "await-file": awaitFile, "await-statement": awaitStatement,
			"entity-database": entityDatabase, "stored": stored, "running": running,
			"bucket": bucket, "key": key, "fed": fed, "cut": cut,
		},
		Condition:          condition,
		RequireUniqueNames: true,
	})
}

// setUp puts the program under both of its names on the path.
func setUp(env *testscript.Env) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	folder := filepath.Join(env.WorkDir, ".bin")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"synapse", "synapse_port_db", "update_synapse_database"} {
		if err := os.Symlink(binary, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	env.Setenv("PATH", folder+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv(programVariable, "1")
	t, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("the script does not run in a test")
	}
	env.Values["test"] = t
	return nil
}

func testOf(ts *testscript.TestScript) testing.TB {
	t, _ := ts.Value("test").(testing.TB)
	return t
}

// marker is the password in every configuration that a script uses. It must be in no output.
const marker = "marker-of-the-password"

// target makes a database and homeserver.yaml for it: target [-unprepared] [-split] FILE. With -split there are two databases,
// for main and for state.
func target(ts *testscript.TestScript, _ bool, args []string) {
	file := args[len(args)-1]
	var text string
	if slices.Contains(args, "-split") {
		text = "databases:\n  one:\n    data_stores: [main]\n" + newTarget(ts, false, "    ") +
			"  two:\n    data_stores: [state]\n" + newTarget(ts, false, "    ")
	} else {
		text = "database:\n" + newTarget(ts, !slices.Contains(args, "-unprepared"), "  ")
	}
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
}

// newTarget makes a database, and gives the section of homeserver.yaml for it.
func newTarget(ts *testscript.TestScript, prepared bool, indent string) string {
	database := newDatabase(testOf(ts), prepared)
	ts.Setenv("DATABASE", database.Name)
	ts.Check(run(database.SuperuserDSN, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", database.Owner, marker))
		return err
	}))
	dsn := strings.ReplaceAll(database.DSN, database.Password, marker)
	ts.Setenv("DSN", dsn)
	text := indent + "name: psycopg2\n" + indent + "args:\n"
	for _, key := range []string{"host", "port", "user", "dbname"} {
		text += fmt.Sprintf("%s  %s: %v\n", indent, key, quoted(database.Config[key]))
	}
	return text + indent + "  password: " + marker + "\n" + indent + "  sslmode: disable\n"
}

func quoted(value any) any {
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	return value
}

func run(dsn string, work func(context.Context, *pgx.Conn) error) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(work(ctx, conn), conn.Close(ctx))
}

// newDatabase makes a database, with our tables if they are wanted.
func newDatabase(t testing.TB, prepared bool) *dbtest.Database {
	t.Helper()
	if !prepared {
		return dbtest.NewDatabase(t)
	}
	return dbtest.NewPreparedDatabase(t, "homeserver", func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		if err := create(empty); err != nil {
			t.Fatal(err)
		}
	})
}

// create creates our tables, as the owner.
func create(database *dbtest.Database) error {
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		return err
	}
	session, err := config.OpenSession(context.Background(), nil)
	if err != nil {
		return err
	}
	return errors.Join(homeserver.Create(context.Background(), session), session.Close())
}

// wantedDemo tells one demo from another.
type wantedDemo struct {
	events int
	bad    bool
}

// generated holds the bytes of the demo databases that scripts copy.
var generated dbtest.Once[wantedDemo, []byte]

// generate makes a homeserver's database: homeserver FILE EVENTS [bad].
func generate(ts *testscript.TestScript, _ bool, args []string) {
	events, err := strconv.Atoi(args[1])
	ts.Check(err)
	t, wanted := testOf(ts), wantedDemo{events, len(args) > 2}
	content := generated.Get(t, wanted, func() []byte {
		path := filepath.Join(t.TempDir(), "demo.db")
		_, err := demo.Generate(t.Context(), path, demo.Options{Events: wanted.events, Seed: 1, BadValues: wanted.bad})
		ts.Check(err)
		content, err := os.ReadFile(path)
		ts.Check(err)
		return content
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

// exits runs a program and compares its exit code: exits CODE PROGRAM [ARGUMENT…]. Its output goes to the files
// out and err, and must not hold the password.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	command, stdout, stderr := program(ts, args[1:])
	err = command.Run()
	finish(ts, command, stdout, stderr, err, code)
}

func program(ts *testscript.TestScript, args []string) (command *exec.Cmd, stdout, stderr *bytes.Buffer) {
	path := filepath.Join(ts.Getenv("WORK"), ".bin", args[0])
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	command = exec.Command(path, args[1:]...)
	command.Args[0] = args[0]
	command.Dir, command.Stdout, command.Stderr = ts.MkAbs("."), stdout, stderr
	command.Env = append(os.Environ(), programVariable+"=1", "HOME="+ts.Getenv("WORK"))
	return command, stdout, stderr
}

func finish(ts *testscript.TestScript, command *exec.Cmd, stdout, stderr *bytes.Buffer, err error, code int) {
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		ts.Fatalf("%v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), stdout.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), stderr.Bytes(), 0o600))
	ts.Logf("[stdout]\n%s[stderr]\n%s", stdout, stderr)
	if got := command.ProcessState.ExitCode(); got != code {
		ts.Fatalf("exit code %d, want %d", got, code)
	}
	if strings.Contains(stdout.String()+stderr.String(), marker) {
		ts.Fatalf("the password is in the output")
	}
}

// stopped starts a program, sends it a signal as soon as it has begun to write into the target, and compares its exit
// code: stopped CODE SIGNAL PROGRAM [ARGUMENT…].
func stopped(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	signal := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[1]]
	command, stdout, stderr := program(ts, args[2:])
	before := time.Now() // of the server, too: it is on this machine
	ts.Check(command.Start())
	begun := awaitActivity(ts, "COPY%FROM STDIN%", before)
	if begun == nil {
		begun = command.Process.Signal(signal)
	}
	err = command.Wait()
	ts.Check(begun)
	finish(ts, command, stdout, stderr, err, code)
}

// awaitActivity returns when a session of the target that has begun since runs a statement like a pattern. It looks from another database, because
// a target with other sessions is refused.
func awaitActivity(ts *testscript.TestScript, pattern string, since time.Time) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := dbtest.Postgres(testOf(ts)).Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	const query = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = $1 AND query LIKE $2 AND query NOT LIKE '%pg_temp%'
		AND backend_start >= $3)`
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for active := false; ; <-tick.C {
		err := conn.QueryRow(ctx, query, ts.Getenv("DATABASE"), pattern, since).Scan(&active)
		if active || err != nil {
			return err
		}
	}
}

// hasKeys reads a JSON file and looks for values under dotted keys: has-keys FILE KEY[=VALUE] and so on.
func hasKeys(ts *testscript.TestScript, _ bool, args []string) {
	var document any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &document))
	for _, arg := range args[1:] {
		key, want, compare := strings.Cut(arg, "=")
		value := document
		for part := range strings.SplitSeq(key, ".") {
			switch held := value.(type) {
			case map[string]any:
				value = held[part]
			case []any:
				index, err := strconv.Atoi(part)
				ts.Check(err)
				value = held[index]
			default:
				value = nil
			}
		}
		if value == nil || compare && fmt.Sprint(value) != want {
			ts.Fatalf("%s is %v", arg, value)
		}
	}
}

// query writes the only value that a query on the target gives into the file out: sql QUERY.
func query(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(run(ts.Getenv("DSN"), func(ctx context.Context, conn *pgx.Conn) error {
		if !strings.HasPrefix(args[0], "SELECT") {
			_, err := conn.Exec(ctx, args[0])
			return err
		}
		var value *string
		err := conn.QueryRow(ctx, args[0]).Scan(&value)
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs("out"), []byte(cmp.Or(*value, "")+"\n"), 0o600)
	}))
}
