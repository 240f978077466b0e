package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// concurrentIndex is what a CREATE INDEX CONCURRENTLY makes.
type concurrentIndex struct {
	unique bool
	name   string // as the catalog has it
	table  string // as it stands in the statement
}

// indexWords is more words than CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS name ON ONLY schema.table has.
const indexWords = 16

// parseConcurrentIndex gives nil for another statement.
func parseConcurrentIndex(statement string) (*concurrentIndex, error) {
	words := words(sqltext.Tokens(engine.Postgres, statement, indexWords))
	index := &concurrentIndex{}
	if !words.skip("CREATE") {
		return nil, nil //nolint:nilnil // no index and no error: the statement is another one
	}
	index.unique = words.skip("UNIQUE")
	if !words.skip("INDEX", "CONCURRENTLY") {
		return nil, nil //nolint:nilnil // the same
	}
	words.skip("IF", "NOT", "EXISTS")
	if words.is("ON") {
		return nil, &engine.Error{Op: "run", Object: strings.TrimSpace(statement), Err: errors.New("the index has no name, so that an interrupted run could not be told from a finished one"),
			Hint: "give the index a name"}
	}
	index.name = words.take().Name
	words.skip("ON")
	words.skip("ONLY")
	table := words.take()
	index.table = table.Text
	for words.skip(".") {
		index.table += "." + words.take().Text
	}
	if index.name == "" || table.Name == "" {
		return nil, nil //nolint:nilnil // the server will tell what is wrong with it
	}
	return index, nil
}

// words are the words of a statement that are still to be read.
type words []sqltext.Token

func (w *words) is(word string) bool {
	return len(*w) > 0 && !(*w)[0].Quoted && strings.EqualFold((*w)[0].Text, word)
}

// skip passes over all of the given words, or none.
func (w *words) skip(given ...string) bool {
	rest := *w
	for _, word := range given {
		if !rest.is(word) {
			return false
		}
		rest = rest[1:]
	}
	*w = rest
	return true
}

// take gives the next word, or nothing at the end.
func (w *words) take() sqltext.Token {
	if len(*w) == 0 {
		return sqltext.Token{}
	}
	word := (*w)[0]
	*w = (*w)[1:]
	return word
}

// isConcurrent recognises CREATE INDEX, DROP INDEX and REINDEX with CONCURRENTLY, which stands before any quoted name.
func isConcurrent(statement string) bool {
	words := words(sqltext.Tokens(engine.Postgres, statement, indexWords))
	if !words.is("CREATE") && !words.is("DROP") && !words.is("REINDEX") {
		return false
	}
	for ; len(words) > 0 && !words[0].Quoted; words.take() {
		if words.is("CONCURRENTLY") {
			return true
		}
	}
	return false
}

// ExecAlone runs a statement outside of a transaction. What builds or drops an index concurrently waits for the
// transactions of others as long as they last, and locks nobody out meanwhile, so it has no lock_timeout: one would leave
// an invalid index behind. CREATE INDEX CONCURRENTLY first drops an invalid index of that name on that table; a valid one
// is what an interrupted run finished, or what somebody built in advance, and is taken as it is.
func (s *session) ExecAlone(ctx context.Context, statement string) error {
	index, err := parseConcurrentIndex(statement)
	if err != nil {
		return err
	}
	if !isConcurrent(statement) {
		_, err = s.Exec(ctx, statement)
		return err
	}
	return s.withLockTimeout(ctx, "0", func() error {
		if index != nil {
			return s.buildIndex(ctx, statement, index)
		}
		_, err := s.Exec(ctx, statement)
		return err
	})
}

func (s *session) withLockTimeout(ctx context.Context, timeout string, work func() error) (err error) {
	if err := setSession(ctx, s.driver, map[string]string{"lock_timeout": timeout}); err != nil {
		return err
	}
	defer func() {
		if s.driver.IsClosed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		err = errors.Join(err, setSession(ctx, s.driver, map[string]string{"lock_timeout": lockTimeout}))
	}()
	return work()
}

func (s *session) buildIndex(ctx context.Context, statement string, index *concurrentIndex) error {
	found, err := s.findIndex(ctx, index)
	if err != nil {
		return err
	}
	if found != nil && found.valid && found.unique == index.unique {
		s.log.InfoContext(ctx, "the index is there already", "index", found.name, "table", index.table)
		return nil
	}
	if found != nil && !found.valid {
		s.log.InfoContext(ctx, "an interrupted run left an invalid index, which is dropped first", "index", found.name, "table", index.table)
		if err := s.dropInvalid(ctx, found); err != nil {
			return err
		}
	}
	if _, err := s.Exec(ctx, statement); err != nil {
		return errors.Join(err, s.dropFailed(ctx, index, err))
	}
	return s.mustBeValid(ctx, index)
}

func (s *session) dropInvalid(ctx context.Context, found *builtIndex) error {
	if _, err := s.connection.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+found.name); err != nil {
		return s.explain(ctx, fmt.Errorf("drop the invalid index %s: %w", found.name, err))
	}
	return nil
}

// dropFailed drops what a build left that the server has refused: an invalid index costs every write time, and a unique one
// may refuse rows. After an interruption it is left to the next run; one that was there before is somebody else's.
func (s *session) dropFailed(ctx context.Context, index *concurrentIndex, failure error) error {
	const duplicateTable = "42P07"
	server, isServer := errors.AsType[*pgconn.PgError](failure)
	refused := isServer && server.Code != duplicateTable && ctx.Err() == nil && !s.driver.IsClosed()
	if !refused {
		return nil
	}
	found, err := s.findIndex(ctx, index)
	if err != nil || found == nil || found.valid {
		return err
	}
	return s.dropInvalid(ctx, found)
}

func (s *session) mustBeValid(ctx context.Context, index *concurrentIndex) error {
	built, err := s.findIndex(ctx, index)
	if err == nil && (built == nil || !built.valid) {
		err = &engine.Error{Op: "build the index", Object: index.name, Err: errors.New("the index is not valid afterwards"),
			Hint: "see whether another session works on the same table, and try again"}
	}
	return err
}

// builtIndex is an index as the catalog has it; name is qualified and quoted.
type builtIndex struct {
	name          string
	unique, valid bool
}

const findIndexSQL = `SELECT format('%I.%I', n.nspname, c.relname), i.indisunique, i.indisvalid
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass($1) AND c.relname = $2`

// findIndex gives nil when the table has no index of that name.
func (s *session) findIndex(ctx context.Context, index *concurrentIndex) (*builtIndex, error) {
	rows, err := s.connection.QueryContext(ctx, findIndexSQL, index.table, index.name)
	if err != nil {
		return nil, s.explain(ctx, fmt.Errorf("look for the index %s: %w", index.name, err))
	}
	found, err := engine.Collect(rows, func(rows *sql.Rows) (*builtIndex, error) {
		var one builtIndex
		return &one, rows.Scan(&one.name, &one.unique, &one.valid)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}
