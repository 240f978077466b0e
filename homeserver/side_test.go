package homeserver_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// side is a database of one engine, for tests that ask both the same.
type side struct {
	kind engine.Kind
	db   *sql.DB
}

// onBothSides runs a test on a new database of each engine.
func onBothSides(t *testing.T, test func(t *testing.T, s side)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, side{engine.SQLite, newSQLite(t)})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgresSide(t, preparedPostgres(t)))
	})
}

// preparedPostgres is a database with our empty schema and without a session in it.
func preparedPostgres(t *testing.T) *dbtest.Database {
	t.Helper()
	return dbtest.NewPreparedDatabase(t, "ours", func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		anyengine.Database{Engine: engine.Postgres, Args: empty.Config}.With(t, func(session engine.Session) error {
			return homeserver.Create(t.Context(), session)
		})
		dbtest.AwaitNoSessions(t, empty.Name)
	})
}

func postgresSide(t *testing.T, database *dbtest.Database) side {
	t.Helper()
	db, err := sql.Open("pgx", database.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return side{engine.Postgres, db}
}

// statements are those of a transaction, a connection or the database.
func (s side) statements(connection engine.Connection) engine.Statements {
	made := engine.Statements{Kind: s.kind, Connection: connection}
	if s.kind == engine.Postgres {
		made.Bind = sqltext.Bind
	}
	return made
}

// transact commits what work did, unless it failed.
func (s side) transact(t *testing.T, work func(tx engine.Tx) error) error {
	t.Helper()
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := work(s.statements(tx)); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			t.Error(rollback)
		}
		return err
	}
	return tx.Commit()
}

// rows are those of a result, each as text, sorted.
func (s side) rows(t *testing.T, query string, values ...any) []string {
	t.Helper()
	found, err := s.statements(s.db).Query(t.Context(), query, values...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	row := make([]any, len(columns))
	pointers := make([]any, len(columns))
	for i := range row {
		pointers[i] = &row[i]
	}
	for found.Next() {
		if err := found.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, fmt.Sprintf("%#v", row))
	}
	if err := found.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	slices.Sort(texts)
	return texts
}

// text is the only value of a result.
func (s side) text(t *testing.T, query string, values ...any) string {
	t.Helper()
	var value string
	if err := s.statements(s.db).QueryRow(t.Context(), query, values...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// must runs a statement.
func (s side) must(t *testing.T, statement string) {
	t.Helper()
	if _, err := s.statements(s.db).Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
