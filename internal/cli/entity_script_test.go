package cli_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// entityDatabase makes an empty database, and puts its address into the variable URL: entity-database postgres|mysql.
func entityDatabase(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "mysql" {
		database := dbtest.NewMySQLDatabase(testOf(ts))
		ts.Setenv("URL", database.URL)
		return
	}
	address, dsn := postgresURL(testOf(ts))
	ts.Setenv("URL", address)
	ts.Setenv("DSN", dsn)
}

// postgresURL makes an empty database, whose owner has the password that must be in no output.
func postgresURL(t testing.TB) (address, dsn string) {
	t.Helper()
	database := dbtest.NewDatabase(t)
	err := run(database.SuperuserDSN, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", database.Owner, marker))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	host, port := fmt.Sprint(database.Config["host"]), fmt.Sprint(database.Config["port"])
	made := url.URL{
		Scheme: "postgresql", User: url.UserPassword(database.Owner, marker), Host: net.JoinHostPort(host, port), Path: "/" + database.Name,
		RawQuery: "sslmode=disable",
	}
	return made.String(), strings.ReplaceAll(database.DSN, database.Password, marker)
}

// stored has a program write entities: stored URL APPLICATION [WORD…]. ID=JSON is an entity with this state, ID~JSON one that the program does not
// define any more, since 2026-01-02, and ID!TEXT a row that it could not read, found on that day.
func stored(ts *testscript.TestScript, _ bool, args []string) {
	opened := openProgram(ts, args[0], args[1])
	defer opened.Close()
	var changes []table.Change
	for _, word := range args[2:] {
		changes = append(changes, changeOf(word))
	}
	ts.Check(opened.Write(context.Background(), changes))
	ts.Check(opened.Close())
}

// running has a program run until the script ends: running URL APPLICATION.
func running(ts *testscript.TestScript, _ bool, args []string) {
	opened := openProgram(ts, args[0], args[1])
	ts.Defer(func() { _ = opened.Close() }) // all is written
}

func openProgram(ts *testscript.TestScript, address, application string) *table.Table {
	if !strings.Contains(address, ":") {
		address = ts.MkAbs(address)
	}
	database, _, err := setting.Parse(address, "the script")
	ts.Check(err)
	opened, err := table.Open(context.Background(), database, table.Application{ID: application, Name: "Name of " + application}, nil)
	ts.Check(err)
	return opened
}

func changeOf(word string) table.Change {
	day := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	at := strings.IndexAny(word, "=~!")
	row := table.Row{ID: word[:at], State: []byte(word[at+1:]), Attributes: []byte("{}"), Locals: []byte("{}"), Definition: 1, LastChanged: day, LastWritten: day}
	switch word[at] {
	case '!':
		return table.Change{ID: row.ID, Aside: &table.Damaged{Row: row, Found: day, Problem: "it is no JSON"}}
	case '~':
		row.Removed = day
	}
	return table.Change{ID: row.ID, Row: &row}
}
