package relocale_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine/postgres"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	old := filepath.Join(t.TempDir(), "pg_dump")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		prepare func(s *scene, options *relocale.Options)
		want    relocale.ProblemID
		says    string
	}{
		"no such database": {func(_ *scene, o *relocale.Options) { o.Database, _ = o.Database.In("nothing there") }, relocale.SourceMissing, `no database "nothing there"`},
		"target there":     {func(_ *scene, o *relocale.Options) { o.To = "postgres" }, relocale.TargetExists, "left as it is"},
		"target is source": {func(s *scene, o *relocale.Options) { o.To = s.database.Name }, relocale.TargetExists, "already"},
		"long name":        {func(_ *scene, o *relocale.Options) { o.To = strings.Repeat("é", 32) }, relocale.TargetName, "1 to 63 bytes"},
		"no right":         {func(_ *scene, o *relocale.Options) { o.As = nil }, relocale.RightMissing, "CREATEDB"},
		"old program":      {func(_ *scene, o *relocale.Options) { o.PgDump = old }, relocale.ProgramMissing, "is of PostgreSQL 9"},
		"no program":       {func(_ *scene, o *relocale.Options) { o.PgRestore = "/nowhere/pg_restore" }, relocale.ProgramMissing, "pg_restore"},
		"in use":           {func(s *scene, _ *relocale.Options) { s.database.Connect(s.t) }, relocale.SourceInUse, "pid "},
		"closed by others": {func(s *scene, _ *relocale.Options) {
			s.in("postgres", fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS false", postgres.QuoteIdentifier(s.database.Name)))
		}, relocale.SourceClosed, "not this command that closed it"},
		"things of others": {func(s *scene, o *relocale.Options) {
			s.in("postgres", "ALTER ROLE "+postgres.QuoteIdentifier(s.database.Name)+" CREATEDB")
			s.in(s.database.Name, "CREATE TABLE theirs (id integer PRIMARY KEY)")
			o.As = nil
		}, relocale.RightMissing, "public.theirs belongs to "},
		"large objects of others": {func(s *scene, o *relocale.Options) {
			s.in("postgres", "ALTER ROLE "+postgres.QuoteIdentifier(s.database.Name)+" CREATEDB")
			s.in(s.database.Name, "SELECT lo_from_bytea(4242, 'theirs')")
			o.As = nil
		}, relocale.RightMissing, "the large object 4242 belongs to "},
		"another encoding": {func(s *scene, _ *relocale.Options) {
			name := postgres.QuoteIdentifier(s.database.Name)
			s.in("postgres", "DROP DATABASE "+name, fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'", name, name))
		}, relocale.LocaleIsC, "C already"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			options := s.options()
			test.prepare(s, &options)
			for _, check := range []bool{true, false} {
				options.Check = check
				if refused := s.refused(options, test.want); !strings.Contains(refused.Error(), test.says) {
					t.Errorf("%q lacks %q", refused, test.says)
				}
			}
		})
	}
}

func TestDeclinedMoveWritesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	options := s.options()
	options.Confirm = func(report *relocale.Report) bool {
		if report.Locale.Collate != unsafe || report.Bytes == 0 || report.Owner != s.database.Owner {
			t.Errorf("asked about %+v", report)
		}
		return false
	}
	report, err := relocale.Run(t.Context(), options)
	if err == nil || report.Result != relocale.Declined {
		t.Errorf("got %v, %s", err, report.Result)
	}
	s.untouched()
}

func TestTwoMovesAtOnceExcludeEachOther(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fillSmall()
	before := s.rowsOf(s.database.Name)
	options, second := s.options(), s.options()
	second.To += "2"
	asked := false
	options.Progress = func(progress relocale.Progress) {
		if progress.Phase == relocale.PhaseRestore && !asked {
			asked = true
			s.refused(second, relocale.SourceLocked)
			_, err := relocale.Undo(context.Background(), second)
			if err == nil {
				t.Error("a move at work was undone")
			}
		}
	}
	s.mustRun(options)
	s.moved(before)
}

// A database that only looks like an unfinished one is left alone, and nothing is done.
func TestDatabaseOfOthersIsNeverDropped(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.text("postgres", "SELECT oid::text FROM pg_database WHERE datname = "+postgres.QuoteLiteral(s.database.Name))
	work := fmt.Sprintf("synapse-relocale-%s-0123456789abcdef", oid)
	s.in("postgres", "CREATE DATABASE "+postgres.QuoteIdentifier(work))
	s.in(work, "CREATE TABLE precious (id integer)")
	if _, err := relocale.Run(t.Context(), s.options()); err == nil || !strings.Contains(err.Error(), "look at it, and rename it") {
		t.Errorf("got %v", err)
	}
	if !s.exists(work) || s.exists(s.to) {
		t.Error("something was done")
	}
	s.in(work, "DROP TABLE precious") // killed between the making and the marking
	report := s.mustRun(s.options())
	if !report.Leftover || s.exists(work) {
		t.Errorf("it was not removed: %+v", report)
	}
}
