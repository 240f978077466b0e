package tables

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// longestKey is what an entry of a btree index takes, in bytes, after compression
// (https://www.postgresql.org/docs/current/btree.html).
const longestKey = 2704

// treeCheck finds keys that are too long for an index of PostgreSQL. What may be is asked: the server compresses.
type treeCheck struct {
	move    *move
	table   *pair
	columns []int
	name    string
	may     bool // one is so long
}

func (t *treeCheck) note(values [][]byte) { t.may = t.may || t.long(values) }

func (t *treeCheck) long(values [][]byte) bool {
	length := 0
	for _, i := range t.columns {
		length += len(values[i])
	}
	return length > longestKey-64 //nolint:mnd // what an entry has besides
}

// finish asks for all keys that are long.
func (t *treeCheck) finish(ctx context.Context, s *scan) error {
	if !t.may {
		return nil
	}
	source := t.move.source
	return source.each(ctx, source.session, t.table, ofSource, func(read *row) error {
		if !t.long(read.values) || !t.sound(read) {
			return nil
		}
		fits, err := t.fits(ctx, read)
		if err == nil && !fits {
			s.add(t.table, read.values, t.columns[0], ClassIndexKey, "in the index "+t.name)
		}
		return err
	})
}

// sound reports whether nothing else is the matter with a key.
func (t *treeCheck) sound(read *row) bool {
	for _, i := range t.columns {
		c := &t.table.columns[i]
		if read.classes[i] != "" || acceptValue(t.move.target.dialect, c.target, c.kind, read.values[i]) != "" {
			return false
		}
	}
	return true
}

var errRehearsed = errors.New("nothing of it stays")

// fits tries a key with an index on a temporary table, in a transaction that is rolled back.
func (t *treeCheck) fits(ctx context.Context, read *row) (bool, error) {
	var columns, names, marks []string
	var values []any
	for _, i := range t.columns {
		c := t.table.columns[i].target
		names = append(names, t.move.target.quote(c.name))
		columns = append(columns, t.move.target.quote(c.name)+" "+c.spelling)
		marks = append(marks, "CAST(? AS "+c.spelling+")")
		values = append(values, bind(t.table.columns[i].kind, read.values[i]))
	}
	err := t.move.target.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		for _, statement := range []string{
			"CREATE TEMPORARY TABLE " + keysTable + " (" + strings.Join(columns, ", ") + ") ON COMMIT DROP",
			"CREATE INDEX ON " + keysTable + " (" + strings.Join(names, ", ") + ")",
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+keysTable+" VALUES ("+strings.Join(marks, ", ")+")", values...); err != nil {
			return err
		}
		return errRehearsed
	})
	const programLimitExceeded = "54000"
	server, isServer := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, errRehearsed):
		return true, nil
	case isServer && server.Code == programLimitExceeded:
		return false, nil
	}
	return false, fmt.Errorf("try a long key of table %s: %w", t.table.name, err)
}
