package sqlite

import (
	"database/sql"
	"log/slog"
	"testing"
)

// quiet is a logger that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// execute runs statements on one plain connection of the driver, without anything that this package adds.
func execute(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("sqlite", fileURI(path))
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, statement := range statements {
		if _, err := db.ExecContext(tb.Context(), statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
}
