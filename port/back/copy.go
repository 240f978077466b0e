package back

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// progressRows is after how many rows the progress is told of them.
const progressRows = 1024

// copyTable replaces what the table begins with by the rows of the source, in one transaction.
func (r *run) copyTable(ctx context.Context, w *writer, table *tablePlan) (err error) {
	r.options.Progress.at(table.name)
	for _, statement := range []string{"BEGIN", "DELETE FROM " + sqlite.QuoteIdentifier(table.name)} {
		if err := w.run(statement); err != nil {
			return err
		}
	}
	insert, err := w.conn.Prepare(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s?)", sqlite.QuoteIdentifier(table.name),
		table.quotedNames(), strings.Repeat("?, ", len(table.names)-1)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Finalize()) }()
	splitter := &copybinary.Splitter{Row: func(fields []byte) error {
		if err := table.store(insert, fields); err != nil {
			return err
		}
		if table.rows++; table.rows%progressRows == 0 {
			r.options.Progress.add(progressRows)
		}
		return nil
	}}
	_, err = table.source.conn.PgConn().CopyTo(ctx, splitter, table.reads())
	if err == nil && !splitter.Complete() {
		err = errors.New("the server ended its COPY early")
	}
	if err != nil {
		return err
	}
	r.options.Progress.add(table.rows % progressRows)
	return w.run("COMMIT")
}

func (t *tablePlan) store(insert *lite.Stmt, fields []byte) error {
	for i := range t.columns {
		var value []byte
		value, fields = copybinary.NextField(fields)
		if err := bind(insert, i+1, t.columns[i].Kind, value); err != nil {
			return &ValueError{Table: t.name, Column: t.names[i], Value: err.Error()}
		}
	}
	if _, err := insert.Step(); err != nil {
		return err
	}
	return insert.Reset()
}

var errNaN = errors.New("NaN")

// bind gives a value of COPY's binary form to SQLite, in the class that the homeserver itself stores it in.
func bind(insert *lite.Stmt, parameter int, kind convert.Kind, value []byte) error {
	if value == nil {
		insert.BindNull(parameter)
		return nil
	}
	switch kind {
	case convert.Bool:
		insert.BindInt64(parameter, int64(value[0]))
	case convert.Int2:
		insert.BindInt64(parameter, int64(int16(binary.BigEndian.Uint16(value))))
	case convert.Int4:
		insert.BindInt64(parameter, int64(int32(binary.BigEndian.Uint32(value))))
	case convert.Int8:
		insert.BindInt64(parameter, int64(binary.BigEndian.Uint64(value)))
	case convert.Float8:
		number := math.Float64frombits(binary.BigEndian.Uint64(value))
		if math.IsNaN(number) { // SQLite would store NULL
			return errNaN
		}
		insert.BindFloat(parameter, number)
	case convert.Text, convert.JSON:
		insert.BindText(parameter, string(value))
	case convert.JSONB:
		insert.BindText(parameter, string(value[1:])) // after the version of the form
	case convert.Bytea:
		bindBlob(insert, parameter, value)
	case convert.Unknown: // refused before
	}
	return nil
}

// bindBlob keeps an empty BLOB from becoming NULL.
func bindBlob(insert *lite.Stmt, parameter int, value []byte) {
	if len(value) == 0 {
		insert.BindZeroBlob(parameter, 0)
		return
	}
	insert.BindBytes(parameter, value)
}
