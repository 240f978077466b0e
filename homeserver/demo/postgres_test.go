package demo_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// A database without bad values is one that PostgreSQL takes value by value: every
// type, key, check and trigger holds, and so do all foreign keys.
func TestPostgresTakesEverythingButBadValues(t *testing.T) {
	t.Parallel()
	_, source := generate(t, demo.Options{Events: 2500})
	database := dbtest.NewDatabase(t)
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(homeserver.Create(t.Context(), session), session.Close()); err != nil {
		t.Fatal(err)
	}
	target := connect(t, database)
	tx, err := target.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	constraints := dropForeignKeys(t, tx)
	order := tables(t, source)
	// The triggers look into events.
	slices.SortStableFunc(order, func(a, b string) int { return strings.Compare(first(b == "events"), first(a == "events")) })
	for _, table := range order {
		if slices.Contains(homeserver.BookkeepingTables(), table) || slices.Contains(homeserver.SQLiteSearchTables(), table) {
			continue
		}
		load(t, source, tx, table)
	}
	for _, constraint := range constraints {
		if _, err := tx.Exec(t.Context(), constraint); err != nil {
			t.Fatalf("%s: %v", constraint, err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func first(is bool) string { return map[bool]string{true: "1", false: "0"}[is] }

func connect(t *testing.T, database *dbtest.Database) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// dropForeignKeys returns what adds them again, all of them to be checked.
func dropForeignKeys(t *testing.T, tx pgx.Tx) []string {
	t.Helper()
	rows, err := tx.Query(t.Context(), `SELECT conrelid::regclass::text, conname::text,
replace(pg_get_constraintdef(oid), ' NOT VALID', '') FROM pg_constraint WHERE contype = 'f'`)
	if err != nil {
		t.Fatal(err)
	}
	var add, drop []string
	var table, name, definition string
	if _, err := pgx.ForEachRow(rows, []any{&table, &name, &definition}, func() error {
		drop = append(drop, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, name))
		add = append(add, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", table, name, definition))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range drop {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return add
}

// load replaces the rows of a table by way of COPY in text form, in which a value of
// SQLite needs no conversion but for its bytes.
func load(t *testing.T, source *sql.DB, tx pgx.Tx, table string) {
	t.Helper()
	binary := binaryColumns(t, tx, table)
	rows, err := source.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `DELETE FROM "`+table+`"`); err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(writeRows(rows, names, binary, writer)) }()
	columns := strings.ReplaceAll(`"`+strings.Join(names, `", "`)+`"`, `"Lock"`, "lock")
	_, err = tx.Conn().PgConn().CopyFrom(t.Context(), reader, fmt.Sprintf(`COPY "%s" (%s) FROM STDIN`, table, columns))
	if err := errors.Join(err, rows.Err()); err != nil {
		t.Fatalf("%s: %v", table, err)
	}
}

func binaryColumns(t *testing.T, tx pgx.Tx, table string) []string {
	t.Helper()
	rows, err := tx.Query(t.Context(), `SELECT attname::text FROM pg_attribute WHERE attrelid = $1::regclass AND atttypid = 'bytea'::regtype`, table)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func writeRows(rows *sql.Rows, names, binary []string, to io.Writer) error {
	values := make([]any, len(names))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return err
		}
		line := make([]string, len(names))
		for i, name := range names {
			line[i] = field(*values[i].(*any), slices.Contains(binary, name))
		}
		if _, err := io.WriteString(to, strings.Join(line, "\t")+"\n"); err != nil {
			return err
		}
	}
	return rows.Err()
}

func field(value any, binary bool) string {
	switch value := value.(type) {
	case nil:
		return `\N`
	case []byte:
		return `\\x` + hex.EncodeToString(value)
	case string:
		if binary {
			return `\\x` + hex.EncodeToString([]byte(value))
		}
		return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(value)
	}
	return fmt.Sprint(value)
}
