package port

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/port/convert"
)

// inspector finds what only the server can say of a row: whether an index entry fits in 2704 bytes after the server
// has compressed it, and whether a text's words fit in the 1 MB of a tsvector. Rows shorter than least are plainly good.
type inspector struct {
	run     *run
	table   *tablePlan
	least   int
	indexes []keyedIndex
}

type keyedIndex struct {
	index   *catalog.Index
	columns []int
}

const (
	safeIndexKey = 2000       // bytes that fit in a btree entry whatever their form
	safeSearch   = 256 * 1024 // bytes of text whose words and positions fit in 1 MB, however they are cut
)

// probing is held by the goroutine that uses the control connection to ask.
type probing struct{ mutex sync.Mutex }

func (r *run) inspector(table *tablePlan) *inspector {
	i := &inspector{run: r, table: table, least: math.MaxInt}
	for _, index := range table.target.Indexes {
		if index.Method != "btree" || index.Columns == nil {
			continue
		}
		keyed := keyedIndex{index: index}
		for _, name := range index.Columns {
			if column := table.columnNamed(name); column >= 0 && column < len(table.stored()) {
				keyed.columns = append(keyed.columns, column)
			}
		}
		i.indexes = append(i.indexes, keyed)
		i.least = safeIndexKey
	}
	if table.search != nil {
		i.least = min(i.least, safeSearch)
	}
	return i
}

// inspect returns the class of what is wrong with the row, "" when nothing is.
func (i *inspector) inspect(ctx context.Context, row []byte) (convert.Class, string, error) {
	lengths := make([]int, len(i.table.columns))
	var last []byte
	rest := row[2:]
	for column := range lengths {
		last, rest = copybinary.NextField(rest)
		lengths[column] = len(last)
	}
	if i.table.search != nil && len(last) > safeSearch {
		if class, detail, err := i.probeSearch(ctx, last); class != "" || err != nil {
			return class, detail, err
		}
	}
	for _, keyed := range i.indexes {
		total := 0
		for _, column := range keyed.columns {
			total += lengths[column]
		}
		if total <= safeIndexKey {
			continue
		}
		if class, detail, err := i.probeIndex(ctx, keyed.index, row); class != "" || err != nil {
			return class, detail, err
		}
	}
	return "", "", nil
}

func (i *inspector) probeSearch(ctx context.Context, text []byte) (convert.Class, string, error) {
	i.run.probing.mutex.Lock()
	defer i.run.probing.mutex.Unlock()
	query := fmt.Sprintf("SELECT length(to_tsvector('pg_catalog.%s', $1))", searchConfiguration)
	var words int
	err := i.run.target.conn.QueryRow(ctx, query, string(text)).Scan(&words)
	return tooLarge(err, convert.ClassSearch)
}

// probeIndex enters the row in an index like the real one, on a temporary table, in a transaction that is rolled back.
func (i *inspector) probeIndex(ctx context.Context, index *catalog.Index, row []byte) (convert.Class, string, error) {
	i.run.probing.mutex.Lock()
	defer i.run.probing.mutex.Unlock()
	conn := i.run.target.conn
	tx, err := conn.Begin(ctx)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // a closed connection rolls back by itself
	_, keys, _ := strings.Cut(index.Definition, " USING ")
	_, err = tx.Exec(ctx, fmt.Sprintf(
		"CREATE TEMPORARY TABLE synapse_port_probe (LIKE %s); CREATE INDEX ON synapse_port_probe USING %s",
		i.run.target.quote(i.table.name), keys))
	if err != nil {
		return "", "", err
	}
	err = copyRows(ctx, conn.PgConn(), "synapse_port_probe", i.table.stored(), trimmed(row, len(i.table.stored())))
	return tooLarge(err, convert.ClassIndexKey)
}

// trimmed returns the row with its first fields only.
func trimmed(row []byte, fields int) []byte {
	rest := row[2:]
	cut := copybinary.AppendRow(nil, fields)
	for range fields {
		before := rest
		_, rest = copybinary.NextField(rest)
		cut = append(cut, before[:len(before)-len(rest)]...)
	}
	return cut
}

// tooLarge tells the server's "program limit exceeded" (54000) from other errors.
func tooLarge(err error, class convert.Class) (convert.Class, string, error) {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "54000" {
		return class, refused.Message, nil
	}
	return "", "", err
}
