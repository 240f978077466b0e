package port

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
)

// source is what a port knows of the SQLite side.
type source struct {
	snapshot  *sqlite.Snapshot
	tables    map[string]*sqlite.Table
	sequences map[string]int64 // sqlite_sequence
	set       homeserver.Identity
	version   int64
	pending   []string // background updates
	strangers []string // user names of other servers
}

// openSource opens the file and reads what the checks need. A file that cannot be read at all is a Problem.
func openSource(ctx context.Context, options Options) (*source, []Problem) {
	snapshot, err := sqlite.OpenSnapshot(ctx, options.Source, options.Jobs, options.Log)
	if err != nil {
		return nil, []Problem{{ID: "source_unreadable", What: err.Error()}}
	}
	s := &source{snapshot: snapshot}
	problems, err := s.read(ctx, options.ServerName)
	if err != nil {
		problems = append(problems, Problem{ID: "source_unreadable", What: err.Error(),
			Hint: "check the file with: sqlite3 FILE 'PRAGMA integrity_check'"})
	}
	if err != nil || s.set == "" { // what is half known must not be compared with the target
		_ = snapshot.Close() // read only: nothing can be lost by closing
		return nil, problems
	}
	return s, problems
}

func (s *source) reader() *sqlite.Reader { return s.snapshot.Reader(0) }

func (s *source) read(ctx context.Context, serverName string) ([]Problem, error) {
	list, err := s.reader().Tables(ctx)
	if err != nil {
		return nil, err
	}
	s.tables = map[string]*sqlite.Table{}
	names := make([]string, 0, len(list))
	for i := range list {
		s.tables[list[i].Name] = &list[i]
		names = append(names, list[i].Name)
	}
	if missing := homeserver.Missing(names); len(missing) > 0 {
		return []Problem{notHomeserver(s.snapshot.Info().Path, missing)}, nil
	}
	steps := []func(context.Context) error{s.readSet, s.readVersion, s.readPending, s.readSequences}
	if serverName != "" {
		steps = append(steps, func(ctx context.Context) error { return s.readStrangers(ctx, serverName) })
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s.problems(serverName), nil
}

func notHomeserver(path string, missing []string) Problem {
	return Problem{
		ID:   "source_not_homeserver",
		What: fmt.Sprintf("%s is not a homeserver's database: it lacks the tables %s", path, engine.List(missing)),
		Hint: "give the file that the homeserver's configuration names under database: args: database",
	}
}

func (s *source) readSet(ctx context.Context) error {
	s.set = homeserver.Upstream
	if s.tables[homeserver.MarkerTable] == nil {
		return nil
	}
	names, err := s.texts(ctx, "SELECT name FROM "+sqlite.QuoteIdentifier(homeserver.MarkerTable))
	if err == nil && len(names) > 0 {
		s.set = homeserver.Identity(names[0])
	}
	return err
}

func (s *source) readVersion(ctx context.Context) error {
	versions, err := s.integers(ctx, "SELECT version FROM schema_version")
	if err == nil && len(versions) != 1 {
		err = fmt.Errorf("schema_version has %d rows, it must have one", len(versions))
	}
	if err == nil {
		s.version = versions[0]
	}
	return err
}

func (s *source) readPending(ctx context.Context) (err error) {
	s.pending, err = s.texts(ctx, "SELECT update_name FROM background_updates ORDER BY ordering, update_name")
	return err
}

func (s *source) readSequences(ctx context.Context) (err error) {
	s.sequences, err = s.reader().Sequences(ctx)
	return err
}

// readStrangers looks for users of another server. A name is @localpart:server, and a server name may hold a colon.
func (s *source) readStrangers(ctx context.Context, serverName string) (err error) {
	s.strangers, err = s.texts(ctx,
		"SELECT name FROM users WHERE substr(name, instr(name, ':') + 1) <> ? LIMIT 3", serverName)
	return err
}

func (s *source) problems(serverName string) []Problem {
	var problems []Problem
	if len(s.pending) > 0 {
		problems = append(problems, Problem{
			ID:   "source_pending_updates",
			What: "the source has unfinished background updates: " + engine.List(s.pending),
			Hint: "start the homeserver on the SQLite database and wait until they are done, or run:\n" +
				"update_synapse_database --database-config homeserver.yaml --run-background-updates\n" +
				"With the homeserver stopped, most of them can be run by: synapse updates run -c homeserver.yaml",
		})
	}
	if s.snapshot.Info().AutoVacuum {
		problems = append(problems, Problem{
			ID:   "source_auto_vacuum",
			What: "the source has auto_vacuum on, which moves rows about, so that they cannot be told apart later",
			Hint: "stop the homeserver and run: sqlite3 FILE 'PRAGMA auto_vacuum = 0; VACUUM;'",
		})
	}
	if len(s.strangers) > 0 {
		problems = append(problems, Problem{
			ID: "server_name",
			What: fmt.Sprintf("the configuration's server_name is %q, but the source has users of another server: %s",
				serverName, engine.List(s.strangers)),
			Hint: "give the configuration of the homeserver that this database belongs to; a server_name cannot be changed",
		})
	}
	return problems
}

func (s *source) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	var texts []string
	err := each(ctx, s.reader(), func(rows *sqlite.Rows) error {
		texts = append(texts, string(rows.Append(0, nil)))
		return nil
	}, query, args...)
	return texts, err
}

func (s *source) integers(ctx context.Context, query string, args ...any) ([]int64, error) {
	var integers []int64
	err := each(ctx, s.reader(), func(rows *sqlite.Rows) error {
		integers = append(integers, rows.Int64(0))
		return nil
	}, query, args...)
	return integers, err
}

// each runs a query and calls read for every row.
func each(
	ctx context.Context, reader *sqlite.Reader, read func(*sqlite.Rows) error, query string, args ...any,
) (err error) {
	rows, err := reader.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	for {
		more, err := rows.Next()
		if err != nil || !more {
			return err
		}
		if err := read(rows); err != nil {
			return err
		}
	}
}
