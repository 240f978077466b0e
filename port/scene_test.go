package port_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// scene is a source and a target that a test spoils before a port is tried.
type scene struct {
	source  string
	target  *dbtest.Database
	args    map[string]any // of the configuration's database section
	dump    string         // a superuser's connection string, to see that the target is untouched; "" when the test sees to that
	options port.Options
}

// newScene returns one that nothing is wrong with. The target is preparedTarget's when none is given.
func newScene(t *testing.T, target func(*testing.T) *dbtest.Database) *scene {
	t.Helper()
	s := &scene{source: demoSource(t, demo.Options{Events: 40, Seed: 7})}
	if target == nil {
		target = func(t *testing.T) *dbtest.Database { return preparedTarget(t) }
	}
	s.use(target(t))
	s.options.ServerName = demo.DefaultServerName
	return s
}

func (s *scene) use(target *dbtest.Database) {
	s.target, s.args, s.dump = target, maps.Clone(target.Config), target.SuperuserDSN
}

// onSource runs statements on the source's file.
func (s *scene) onSource(t *testing.T, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", s.source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// onTarget runs statements as the target's owner, asSuperuser as a superuser; NAME in them is the database and its owner.
func (s *scene) onTarget(t *testing.T, statements ...string) {
	t.Helper()
	s.execute(t, s.target.DSN, statements)
}

func (s *scene) asSuperuser(t *testing.T, statements ...string) {
	t.Helper()
	s.execute(t, s.target.SuperuserDSN, statements)
}

func (s *scene) execute(t *testing.T, dsn string, statements []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), strings.ReplaceAll(statement, "NAME", s.target.Name)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// port tries it.
func (s *scene) port(t *testing.T) (*port.Report, error) {
	t.Helper()
	config, _, err := postgres.ParseArgs(s.args)
	if err != nil {
		t.Fatal(err)
	}
	options := s.options
	config.AllowUnsafeLocale = options.Target != nil && options.Target.AllowUnsafeLocale
	options.Source, options.Target = s.source, config
	if options.SetAsideFile == "" {
		options.SetAsideFile = filepath.Join(filepath.Dir(s.source), "aside.jsonl")
	}
	return port.Run(t.Context(), options)
}

// refused tries the port, and proves that both sides and their surroundings are as they were.
func (s *scene) refused(t *testing.T) *port.RefusedError {
	t.Helper()
	var target []string
	if s.dump != "" {
		target = dumped(t, s.dump)
	}
	folder := dbtest.Listing(t, filepath.Dir(s.source))
	report, err := s.port(t)
	refused, ok := errors.AsType[*port.RefusedError](err)
	if !ok {
		t.Fatalf("got %v, want a *port.RefusedError", err)
	}
	if report == nil || report.Result != port.ResultRefused {
		t.Errorf("the report says %+v", report)
	} else if diff := cmp.Diff(refused.Problems, report.Problems); diff != "" {
		t.Errorf("problems of the error and of the report (-error +report):\n%s", diff)
	}
	if diff := cmp.Diff(folder, dbtest.Listing(t, filepath.Dir(s.source))); diff != "" {
		t.Errorf("the source's folder changed (-before +after):\n%s", diff)
	}
	if s.dump != "" {
		if diff := cmp.Diff(target, dumped(t, s.dump)); diff != "" {
			t.Errorf("the target changed (-before +after):\n%s", diff)
		}
	}
	return refused
}

// dumped returns the lines of a whole database: definitions, rows and the positions of sequences.
func dumped(t testing.TB, dsn string) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), dbtest.Postgres(t).Bin("pg_dump"), "--dbname="+dsn)
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, complaints.String())
	}
	var lines []string
	for line := range strings.Lines(string(output)) {
		// Newer versions of pg_dump frame the dump with a word that is different every time.
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			lines = append(lines, line)
		}
	}
	return lines
}
