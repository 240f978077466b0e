package schema_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
)

// visitor connects to a database as a server does that knows nothing of upgrades, until the function is called.
func visitor(t *testing.T, place address) (leave func()) {
	t.Helper()
	switch place.Engine {
	case engine.Postgres:
		conn, err := pgx.Connect(t.Context(), postgresDSN(place))
		if err != nil {
			t.Fatal(err)
		}
		return func() { _ = conn.Close(context.Background()) }
	case engine.MySQL:
		return mysqlVisitor(t, place)
	default:
		return fileVisitor(t, place.Path)
	}
}

// fileVisitor is another process that has the file open.
func fileVisitor(t *testing.T, path string) (leave func()) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	process := exec.Command("sleep", "600")
	process.ExtraFiles = []*os.File{file}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	left := false
	leave = func() {
		if !left {
			left = true
			_ = process.Process.Kill()
			_ = process.Wait()
		}
	}
	t.Cleanup(leave)
	return leave
}

func mysqlVisitor(t *testing.T, place address) (leave func()) {
	t.Helper()
	config, err := mysql.ParseURL(place.URL)
	if err != nil {
		t.Fatal(err)
	}
	db, err := mysql.Open(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = db.Close() }
}

func postgresDSN(place address) string {
	args := place.Args
	return fmt.Sprintf("host=%v port=%v user=%v password=%v dbname=%v", args["host"], args["port"], args["user"], args["password"], args["dbname"])
}
