package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// condition knows whether a homeserver is installed on this machine: then its files are found.
func condition(name string) (bool, error) {
	if name != "installed" {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	_, _, found := upstream.Find()
	return found, nil
}

// upstreamSchema copies a schema directory in upstream's layout: upstream-schema FOLDER.
func upstreamSchema(ts *testscript.TestScript, _ bool, args []string) {
	fixture := filepath.Join(dbtest.Repository(testOf(ts)), "homeserver", "upstream", "testdata", "schema")
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(fixture)))
}

// older makes a schema directory that of an older release: older FOLDER VERSION COMPAT.
func older(ts *testscript.TestScript, _ bool, args []string) {
	folder := ts.MkAbs(args[0])
	constants := fmt.Sprintf("SCHEMA_VERSION = %s\nSCHEMA_COMPAT_VERSION = %s\n", args[1], args[2])
	ts.Check(os.WriteFile(filepath.Join(folder, "__init__.py"), []byte(constants), 0o600))
}

// lite runs statements on an SQLite file; a query writes the only value that it gives into the file out: lite FILE SQL.
func lite(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: ts.MkAbs(args[0])}, nil)
	ts.Check(err)
	defer session.Close()
	if !strings.HasPrefix(args[1], "SELECT") {
		_, err := session.Exec(ctx, args[1])
		ts.Check(err)
		return
	}
	var value string
	ts.Check(session.QueryRow(ctx, args[1]).Scan(&value))
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(value+"\n"), 0o600))
}

// waits starts a program that waits for another one, and ends it by SIGINT as soon as it has said so: waits PROGRAM
// [ARGUMENT…]. Its output goes where that of exits goes.
func waits(ts *testscript.TestScript, _ bool, args []string) {
	command, stdout, _ := program(ts, args)
	said, err := os.Create(ts.MkAbs("said"))
	ts.Check(err)
	defer said.Close()
	command.Stderr = said
	ts.Check(command.Start())
	waiting := await(func() bool { return strings.Contains(ts.ReadFile("said"), "waiting for it") })
	signalled := command.Process.Signal(syscall.SIGINT)
	ended := command.Wait()
	ts.Check(errors.Join(waiting, signalled))
	finish(ts, command, stdout, bytes.NewBufferString(ts.ReadFile("said")), ended, 130)
}

// awaitFile waits until a file is there: await-file FILE.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(await(func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	}))
}

// awaitStatement waits until a session of the target runs a statement like a pattern: await-statement PATTERN.
func awaitStatement(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(awaitActivity(ts, args[0], time.Time{}))
}

// inUse leaves a session on the target, as a server has one, until the script ends.
func inUse(ts *testscript.TestScript, _ bool, _ []string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("DSN")+" application_name=server")
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(ctx) }) // nothing is pending on it
}

// dump writes what pg_dump says of the target: dump FILE.
func dump(ts *testscript.TestScript, _ bool, args []string) {
	command := exec.Command(dbtest.Postgres(testOf(ts)).Bin("pg_dump"), "--dbname="+ts.Getenv("DSN"), "--file="+ts.MkAbs(args[0]))
	output, err := command.CombinedOutput()
	if err != nil {
		ts.Fatalf("pg_dump: %v\n%s", err, output)
	}
	// Newer ones write a random word into each dump.
	text := regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(ts.ReadFile(args[0]), "")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func await(holds func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !holds() {
		if err := engine.Wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
