package schema_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(taskVariable); task != "" {
		os.Exit(runTask(task))
	}
	dbtest.Main(m)
}

// engines are those that every behaviour is tested on.
func engines() []engine.Kind { return anyengine.Engines() }

// address is where a database is.
type address = anyengine.Database

func newAddress(t testing.TB, kind engine.Kind) address {
	t.Helper()
	return anyengine.New(t, kind)
}

// onEveryEngine runs a test on an empty database of each engine.
func onEveryEngine(t *testing.T, test func(t *testing.T, place address)) {
	t.Helper()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) { test(t, newAddress(t, kind)) })
}

// until gives the files of a library's release: those whose versions are not above it.
func until(version int) fstest.MapFS {
	files := fstest.MapFS{}
	root := os.DirFS("testdata/library")
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		of, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil || of > version {
			return err
		}
		content, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		panic(err)
	}
	return files
}

// latest is the newest release of the library.
const latest = 6

// library defines a release. Its Go delta fills a table from the configuration.
func library(version int, change ...func(*schema.Definition)) schema.Definition {
	definition := schema.Definition{
		Name: "library", Version: version, CompatVersion: max(1, version-1), Engines: engines(),
		Databases: []string{"main", "state"}, Files: until(version),
	}
	if version >= 4 {
		definition.GoDeltas = append(definition.GoDeltas, schema.GoDelta{
			Database: "main", Version: 4, Name: "02owner.go",
			Create: func(ctx context.Context, tx engine.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO settings (name, value) VALUES (?, ?)", "created", string(tx.Engine()))
				return err
			},
			Upgrade: func(ctx context.Context, tx engine.Tx, config any) error {
				_, err := tx.Exec(ctx, "INSERT INTO settings (name, value) VALUES (?, ?)", "upgraded", fmt.Sprint(config))
				return err
			},
		})
	}
	for _, one := range change {
		one(&definition)
	}
	return definition
}

// newSet makes a set that has to be right.
func newSet(t testing.TB, definition schema.Definition) *schema.Set {
	t.Helper()
	set, err := schema.New(definition)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// prepare brings a database to a release.
func prepare(t testing.TB, place address, version int, change ...func(*schema.Definition)) *schema.Result {
	t.Helper()
	result, err := tryPrepare(t, place, newSet(t, library(version, change...)), schema.Options{Config: "configured"})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// tryPrepare opens a session only for this.
func tryPrepare(t testing.TB, place address, set *schema.Set, options schema.Options) (*schema.Result, error) {
	t.Helper()
	session, err := place.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := schema.Prepare(t.Context(), session, set, options)
	if closed := session.Close(); closed != nil {
		t.Error(closed)
	}
	return result, err
}

// dump is everything in a database: its catalog, and the rows of every table.
func dump(t testing.TB, place address) string {
	t.Helper()
	text, err := dumpOf(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func dumpOf(ctx context.Context, place address) (string, error) {
	session, err := place.Open(ctx)
	if err != nil {
		return "", err
	}
	defer session.Close()
	catalog, err := session.Describe(ctx)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, object := range catalog.Objects {
		fmt.Fprintf(&text, "%s %s on %s: %s\n", object.Type, object.Name, object.Table, object.Definition)
	}
	for _, table := range catalog.Tables {
		fmt.Fprintf(&text, "table %s %+v\n", table.Name, table.Columns)
		rows, err := rowsOf(ctx, session, table)
		if err != nil {
			return "", err
		}
		text.WriteString(rows)
	}
	return text.String(), nil
}

// rowsOf reads the rows of a table, in an order of their own.
func rowsOf(ctx context.Context, session engine.Session, table engine.Table) (string, error) {
	rows, err := session.Query(ctx, "SELECT * FROM "+table.Name)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		values, places := make([]any, len(table.Columns)), make([]any, len(table.Columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			return "", err
		}
		for i, value := range values {
			if content, isBytes := value.([]byte); isBytes {
				values[i] = string(content)
			}
		}
		lines = append(lines, fmt.Sprintf("  %#v\n", values))
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), rows.Err()
}
