package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	entitydump "github.com/synapsedb/synapse/entity/dump"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// An import that is killed at any moment is completed by the next one, without a word of what is there already.
func TestImportOfEntitiesThatIsKilledIsCompleted(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, want := manyEntities(t)
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		for range dbtest.Rounds(t, 3) {
			database := entityURL(t, kind)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(300))*time.Millisecond)
			command := exec.CommandContext(ctx, binary, "entity", "import", file, "--database", database) // killed at the end of its context
			command.Env = append(os.Environ(), programVariable+"=1")
			command.Args[0] = "synapse"
			_ = command.Run()
			cancel()
			runSynapse(t, 0, "entity", "import", file, "--database", database)
			output := filepath.Join(t.TempDir(), "exported.jsonl")
			runSynapse(t, 0, "entity", "export", "--database", database, "--output", output)
			got, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, got) {
				t.Errorf("what was imported into %s is not what was exported", kind)
			}
		}
	})
}

// manyEntities are three applications' in a file.
func manyEntities(t *testing.T) (file string, content []byte) {
	t.Helper()
	moment := time.Date(2026, 11, 21, 20, 30, 0, 0, time.UTC)
	var all []entitydump.Application
	for _, id := range []string{"cellar", "garden", "porch"} {
		application := entitydump.Application{Application: table.Application{ID: id, Name: "Name of " + id}}
		for number := range 1000 {
			row := table.Row{
				ID: fmt.Sprintf("entity %04d", number), State: fmt.Append(nil, number), Attributes: []byte(`{"of":"` + id + `"}`), Locals: []byte(`{}`),
				LastChanged: moment, LastWritten: moment,
			}
			application.Rows = append(application.Rows, row)
			if number%100 == 0 {
				application.Damaged = append(application.Damaged, table.Damaged{Row: row, Found: moment, Problem: "a test"})
			}
		}
		all = append(all, application)
	}
	var text bytes.Buffer
	if err := entitydump.Write(&text, all); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "entities.jsonl")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, text.Bytes()
}

// entityURL is where an empty database is.
func entityURL(t *testing.T, kind engine.Kind) string {
	t.Helper()
	switch kind {
	case engine.Postgres:
		address, _ := postgresURL(t)
		return address
	case engine.MySQL:
		return dbtest.NewMySQLDatabase(t).URL
	default:
		return filepath.Join(t.TempDir(), "home.db")
	}
}
