package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// concurrentIndex is a CREATE INDEX CONCURRENTLY; unique, name and table are as they stand in the statement.
type concurrentIndex struct {
	unique      bool
	name, table string
}

// What leads a statement: white space and comments.
const leadPattern = `^(?:\s|--[^\n]*(?:\n|$)|/\*(?s:.*?)\*/)*`

const identifierPattern = `(?:"(?:[^"]|"")+"|[A-Za-z_\x{80}-\x{10ffff}][\w$\x{80}-\x{10ffff}]*)`

var (
	concurrentPattern = regexp.MustCompile(`(?i)` + leadPattern + `(?:CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\b.*)\s+CONCURRENTLY\b`)
	createPattern     = regexp.MustCompile(`(?i)` + leadPattern + `CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b`)
	indexPattern      = regexp.MustCompile(`(?i)` + leadPattern + `CREATE\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(` +
		identifierPattern + `)\s+ON\s+(?:ONLY\s+)?(` + identifierPattern + `(?:\s*\.\s*` + identifierPattern + `)?)`)
)

// parseConcurrentIndex gives nil for another statement.
func parseConcurrentIndex(statement string) (*concurrentIndex, error) {
	if !createPattern.MatchString(statement) {
		return nil, nil //nolint:nilnil // no index and no error: the statement is another one
	}
	found := indexPattern.FindStringSubmatch(statement)
	if found == nil || strings.EqualFold(found[2], "on") {
		return nil, &engine.Error{Op: "run", Object: strings.TrimSpace(statement),
			Err:  errors.New("it cannot be seen which index an interrupted run of it would leave behind"),
			Hint: "write CREATE INDEX CONCURRENTLY with the index's name, without comments before the table's"}
	}
	return &concurrentIndex{unique: found[1] != "", name: found[2], table: found[3]}, nil
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
	if !concurrentPattern.MatchString(statement) {
		_, err = s.Exec(ctx, statement)
		return err
	}
	return s.withoutLockTimeout(ctx, func() error {
		if index != nil {
			return s.buildIndex(ctx, statement, index)
		}
		_, err := s.Exec(ctx, statement)
		return err
	})
}

func (s *session) withoutLockTimeout(ctx context.Context, work func() error) (err error) {
	if err := setSession(ctx, s.driver, map[string]string{"lock_timeout": "0"}); err != nil {
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
		if _, err := s.connection.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+found.name); err != nil {
			return s.explain(ctx, fmt.Errorf("drop the invalid index %s: %w", found.name, err))
		}
	}
	if _, err := s.Exec(ctx, statement); err != nil {
		return err
	}
	return s.mustBeValid(ctx, index)
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
WHERE i.indrelid = to_regclass($1) AND c.relname = (parse_ident($2))[1]`

// findIndex gives nil when the table has no index of that name.
func (s *session) findIndex(ctx context.Context, index *concurrentIndex) (*builtIndex, error) {
	rows, err := s.connection.QueryContext(ctx, findIndexSQL, index.table, index.name)
	if err != nil {
		return nil, s.explain(ctx, fmt.Errorf("look for the index %s: %w", index.name, err))
	}
	found, err := collect(rows, func(rows *sql.Rows) (*builtIndex, error) {
		var one builtIndex
		return &one, rows.Scan(&one.name, &one.unique, &one.valid)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}
