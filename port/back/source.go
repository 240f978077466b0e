package back

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// source is an open physical database. All its rows are read in one transaction.
type source struct {
	Source
	session  engine.Session // holds the schema's lock, so that no upgrade runs meanwhile
	conn     *pgx.Conn      // the transaction
	own      []int64        // processes of the server that are ours
	server   *postgres.ServerInfo
	schema   *catalog.Schema
	warnings []string
}

// settings are those of the session that reads.
func settings() map[string]string {
	return map[string]string{
		"statement_timeout":                   "0",
		"lock_timeout":                        "30s",
		"idle_in_transaction_session_timeout": "0",
		"application_name":                    "synapse port-back",
	}
}

// sessionPatience is how long sessions are given that are about to end: the server notices only then that a client is gone, when it
// next listens to it.
const sessionPatience = 2 * time.Second

// openSource gives no source, and the problems, when it cannot be compared with the schema.
func openSource(ctx context.Context, given Source, options *Options) (*source, engine.Problems, error) {
	s := &source{Source: given}
	problems, err := s.open(ctx, options)
	if err != nil || s.schema == nil {
		s.close()
		return nil, problems, err
	}
	return s, problems, nil
}

func (s *source) close() {
	if s.conn != nil {
		_ = s.conn.Close(context.Background()) // it only reads
	}
	if s.session != nil {
		_ = s.session.Close() // the lock ends with it
	}
}

func (s *source) open(ctx context.Context, options *Options) (problems engine.Problems, err error) {
	unreachable := func(err error) (engine.Problems, error) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return engine.Problems{{ID: "source_unreachable", What: err.Error()}}, nil
	}
	if s.session, err = s.Config.OpenSession(ctx, options.Log); err != nil {
		return unreachable(err)
	}
	if problem, err := s.lock(ctx); problem != nil || err != nil {
		return one(problem), err
	}
	if problem, err := s.judge(ctx, options); problem != nil || err != nil {
		return one(problem), err
	}
	if s.conn, err = s.Config.Connect(ctx, settings()); err != nil {
		return unreachable(err)
	}
	for _, look := range []func(context.Context, *Options) (*engine.Problem, error){s.lookForUpdates, s.lookForOthers} {
		problem, err := look(ctx, options)
		if err != nil {
			return nil, err
		}
		problems = append(problems, one(problem)...)
	}
	return problems, s.read(ctx)
}

func one(problem *engine.Problem) engine.Problems {
	if problem == nil {
		return nil
	}
	return engine.Problems{*problem}
}

// lock does not wait for who holds the lock.
func (s *source) lock(ctx context.Context) (*engine.Problem, error) {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	holder := ""
	_, err := s.session.LockSchema(waiting, func(who string) {
		holder = who
		stop()
	})
	if err != nil && holder != "" {
		return &engine.Problem{
			ID: "source_locked", What: fmt.Sprintf("the schema of %s is just being changed or copied: %s", s.session.Name(), holder), Hint: "wait for it",
		}, nil
	}
	return nil, err
}

// judge refuses a database that is not what the set makes.
func (s *source) judge(ctx context.Context, options *Options) (*engine.Problem, error) {
	plan, err := schema.MakePlan(ctx, s.session, options.Set, schema.Options{
		Databases: s.Logical, Log: options.Log,
		Config: homeserver.Config{ServerName: options.ServerName, AllowUnsafeLocale: true}, // nothing is sorted there
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return refusalOf(err), nil
	}
	switch {
	case plan.Create:
		return &engine.Problem{ID: "source_empty", What: s.session.Name() + " holds no homeserver's tables", Hint: "give the configuration of the homeserver that is to move"}, nil
	case plan.From != plan.To:
		return &engine.Problem{
			ID:   "source_version",
			What: fmt.Sprintf("%s has schema version %d, and the schema files are of version %d", s.session.Name(), plan.From, plan.To),
			Hint: "give the schema files of the homeserver that last used it (--schema-dir), or upgrade it: synapse upgrade",
		}, nil
	case !plan.Nothing():
		return &engine.Problem{
			ID: "source_version", What: fmt.Sprintf("%s lacks steps of schema version %d", s.session.Name(), plan.To),
			Hint: "synapse upgrade applies them, and synapse status lists them",
		}, nil
	}
	return nil, nil //nolint:nilnil // no problem and no error
}

// refusalOf is why package schema would not touch the database.
func refusalOf(err error) *engine.Problem {
	if _, foreign := errors.AsType[*homeserver.ServerNameError](err); foreign {
		return &engine.Problem{ID: "server_name", What: err.Error()}
	}
	return &engine.Problem{ID: "source_schema", What: err.Error()}
}

func (s *source) lookForUpdates(ctx context.Context, _ *Options) (*engine.Problem, error) {
	state, err := schema.ReadState(ctx, s.session)
	if err != nil || len(state.Updates) == 0 {
		return nil, err
	}
	names := make([]string, len(state.Updates))
	for i, update := range state.Updates {
		names[i] = update.Name
	}
	return &engine.Problem{
		ID: "source_pending_updates", What: s.session.Name() + " has unfinished background updates: " + engine.List(names),
		Hint: "start the homeserver on it and wait until they are done; with the homeserver stopped, most of them can be run by: synapse updates run",
	}, nil
}

func (s *source) lookForOthers(ctx context.Context, options *Options) (*engine.Problem, error) {
	var pid int64
	if err := s.session.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return nil, err
	}
	s.own = []int64{pid, int64(s.conn.PgConn().PID())}
	var others []string
	var err error
	for begun := time.Now(); ; {
		if others, err = s.others(ctx); err != nil {
			return nil, err
		}
		if len(others) == 0 || time.Since(begun) > sessionPatience {
			break
		}
		if err := engine.Wait(ctx, sessionPatience/20); err != nil {
			return nil, err
		}
	}
	switch {
	case len(others) == 0:
		return nil, nil //nolint:nilnil // no problem and no error
	case options.SessionsKnown:
		s.warnings = append(s.warnings, fmt.Sprintf("others were connected to %s, as said: what they write from now on is not moved (%s)", s.session.Name(), engine.List(others)))
		return nil, nil //nolint:nilnil // the same
	}
	return &engine.Problem{
		ID: "source_in_use", What: "others are connected to " + s.session.Name() + ": " + engine.List(others),
		Hint: "stop the homeserver and its workers: what they write later would be missing; if none of these writes, give --sessions-known",
	}, nil
}

const othersSQL = `
SELECT format('pid %s, role %s%s, since %s', pid, usename,
              CASE WHEN application_name <> '' THEN ', application ' || application_name ELSE '' END,
              to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS'))
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> ALL ($1) AND backend_type = 'client backend'
ORDER BY pid`

// others asks outside of the transaction, in which the answer would stay the same.
func (s *source) others(ctx context.Context) ([]string, error) {
	pids := fmt.Sprintf("{%d,%d}", s.own[0], s.own[1])
	rows, err := s.session.Query(ctx, strings.Replace(othersSQL, "$1", "?::bigint[]", 1), pids)
	if err != nil {
		return nil, err
	}
	return engine.Collect(rows, scanText)
}

// read begins the transaction, and reads the catalog in it.
func (s *source) read(ctx context.Context) error {
	if _, err := s.conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return err
	}
	server, err := postgres.Inspect(ctx, s.conn)
	if err != nil {
		return err
	}
	var name *string
	if err := s.conn.QueryRow(ctx, "SELECT current_schema()").Scan(&name); err != nil {
		return err
	}
	if name == nil {
		return errors.New("the role may use no schema of " + s.session.Name())
	}
	found, err := catalog.Load(ctx, s.conn, *name)
	if err != nil {
		return err
	}
	s.server, s.schema = server, found
	return nil
}

func (s *source) quote(table string) string {
	return postgres.QuoteIdentifier(s.schema.Name) + "." + postgres.QuoteIdentifier(table)
}
