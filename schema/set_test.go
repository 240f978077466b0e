package schema_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// only leaves out the files of other engines.
func only(files fs.FS, kind string) fstest.MapFS {
	left := fstest.MapFS{}
	for path, file := range files.(fstest.MapFS) {
		if strings.HasSuffix(path, ".sql") || strings.HasSuffix(path, "."+kind) {
			left[path] = file
		}
	}
	return left
}

func replaceTable(text string) string { return strings.ReplaceAll(text, "%s", "authors") }

func without(path string) func(*schema.Definition) {
	return func(definition *schema.Definition) { delete(definition.Files.(fstest.MapFS), path) }
}

func code(delta schema.GoDelta) func(*schema.Definition) {
	return func(definition *schema.Definition) { definition.GoDeltas = append(definition.GoDeltas, delta) }
}

func nothing(context.Context, engine.Tx) error { return nil }

func TestMalformedSetsAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*schema.Definition)
		want   []string // parts of one problem
	}{
		"no name":                      {func(d *schema.Definition) { d.Name = "" }, []string{"name", "letters"}},
		"name of upstream":             {func(d *schema.Definition) { d.Name = "upstream" }, []string{`"upstream"`, "take another one"}},
		"name of nobody known":         {func(d *schema.Definition) { d.Name = "unknown" }, []string{`"unknown"`, "take another one"}},
		"version below 1":              {func(d *schema.Definition) { d.Version, d.CompatVersion = 0, 0 }, []string{"versions begin at 1"}},
		"compat above version":         {func(d *schema.Definition) { d.CompatVersion = 7 }, []string{"compat version 7", "own database"}},
		"no files":                     {func(d *schema.Definition) { d.Files = nil }, []string{"no files"}},
		"no engine":                    {func(d *schema.Definition) { d.Engines = nil }, []string{"no engine"}},
		"engine twice":                 {func(d *schema.Definition) { d.Engines = []engine.Kind{"sqlite", "sqlite"} }, []string{"sqlite", "twice"}},
		"unknown engine":               {func(d *schema.Definition) { d.Engines = append(d.Engines, "oracle") }, []string{`"oracle"`, "sqlite, postgres and mysql"}},
		"common listed":                {func(d *schema.Definition) { d.Databases = []string{"common", "main", "state"} }, []string{"common", "not listed"}},
		"database twice":               {func(d *schema.Definition) { d.Databases = []string{"main", "state", "main"} }, []string{`"main"`, "twice"}},
		"database with odd name":       {func(d *schema.Definition) { d.Databases = []string{"main", "state", "../x"} }, []string{`"../x"`}},
		"database without folder":      {func(d *schema.Definition) { d.Databases = []string{"main", "state", "attic"} }, []string{"attic", "no such folder"}},
		"folder without database":      {with("attic/delta/2/01a.sql", ""), []string{"attic", "no logical database"}},
		"engine without full schema":   {without("main/full_schemas/1/full.sql.mysql"), []string{`"main"`, "mysql", "full_schemas/1/full.sql.mysql"}},
		"misnamed full schema":         {with("main/full_schemas/1/all.sql.sqlite", ""), []string{"all.sql.sqlite", "full.sql.ENGINE"}},
		"folder among versions":        {with("main/delta/two/01a.sql", ""), []string{"main/delta/two", "version"}},
		"version with leading zero":    {with("main/delta/02/01a.sql", ""), []string{"main/delta/02"}},
		"delta above the version":      {with("main/delta/7/01a.sql", ""), []string{"main/delta/7", "above that of the set, 6"}},
		"snapshot above the version":   {with("main/full_schemas/7/full.sql.sqlite", ""), []string{"main/full_schemas/7", "above"}},
		"delta without digits":         {with("main/delta/2/a.sql", ""), []string{"main/delta/2/a.sql", "NNname.sql"}},
		"delta with another extension": {with("main/delta/2/03a.txt", ""), []string{"main/delta/2/03a.txt", "NNname.sql"}},
		"delta for an unknown engine":  {with("main/delta/2/03a.sql.oracle", ""), []string{"03a.sql.oracle", "NNname.sql"}},
		"delta in Python":              {with("main/delta/2/03a.py", ""), []string{"03a.py", "NNname.sql"}},
		"same name twice":              {with("state/delta/2/01isbn.sql", ""), []string{"state/delta/2/01isbn.sql", "main/delta/2/01isbn.sql has the same name"}},
		"broken SQL":                   {with("main/delta/2/03a.sql", "SELECT 1;\nSELECT 'a;"), []string{"main/delta/2/03a.sql:2:8"}},
		"unknown mark":                 {with("main/delta/2/03a.sql", "-- synapse: fast\nSELECT 1;"), []string{"03a.sql:2", `"fast"`, "no-transaction and keys-unchecked"}},
		"late mark for a file":         {with("main/delta/2/03a.sql", "SELECT 1;\n-- synapse: keys-unchecked\nSELECT 1;"), []string{"03a.sql:3", "first statement"}},
		"unsafe without transaction": {
			with("main/delta/2/03a.sql.postgres", "-- synapse: no-transaction\nCREATE INDEX CONCURRENTLY a ON books (title);"),
			[]string{"03a.sql.postgres:2", "safe to repeat"},
		},
		"several objects on MySQL": {with("main/delta/2/03a.sql.mysql", "DROP TABLE a, b;"), []string{"03a.sql.mysql:1", "one statement for each"}},
		"code without functions":   {code(schema.GoDelta{Database: "main", Version: 2, Name: "05a.go"}), []string{"2/05a.go", "neither Create nor Upgrade"}},
		"code without a place":     {code(schema.GoDelta{Database: "main", Version: 2, Name: "a.go", Create: nothing}), []string{"2/a.go", "NNname.go"}},
		"code above the version":   {code(schema.GoDelta{Database: "main", Version: 9, Name: "05a.go", Create: nothing}), []string{"9/05a.go", "that of the set, 6"}},
		"code for no database":     {code(schema.GoDelta{Database: "attic", Version: 2, Name: "05a.go", Create: nothing}), []string{"2/05a.go", `"attic"`}},
		"code twice": {
			func(d *schema.Definition) { d.GoDeltas = append(d.GoDeltas, d.GoDeltas[0]) }, []string{"4/02owner.go", "same name"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.New(library(latest, test.change))
			refusal, isRefusal := errors.AsType[*schema.SetError](err)
			if !isRefusal {
				t.Fatalf("the error is %v", err)
			}
			for _, problem := range refusal.Problems {
				if containsAll(problem, test.want) {
					return
				}
			}
			t.Errorf("no problem names %q: %v", test.want, err)
		})
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// Every problem is told at once, so that a developer corrects a set in one go.
func TestAllProblemsAreTold(t *testing.T) {
	t.Parallel()
	_, err := schema.New(library(latest, with("main/delta/2/a.sql", ""), with("main/delta/3/b.sql", ""), without("main/full_schemas/1/full.sql.mysql")))
	refusal, _ := errors.AsType[*schema.SetError](err)
	if refusal == nil || len(refusal.Problems) != 3 {
		t.Errorf("the error is %v", err)
	}
}

func TestOrderOfDeltas(t *testing.T) {
	t.Parallel()
	set := newSet(t, library(latest,
		with("state/delta/2/01Zebra.sql", ""), with("main/delta/2/01_under.sql", ""), with("main/delta/2/01isbn.sql.sqlite", ""), with("common/delta/2/00first.sql", "")))
	var order []string
	for _, delta := range set.Deltas(engine.SQLite) {
		if delta.Version == 2 {
			order = append(order, delta.Name)
		}
	}
	if got := strings.Join(order, " "); got != "00first.sql 01Zebra.sql 01_under.sql 01isbn.sql 01isbn.sql.sqlite 02isbn_index.sql.sqlite" {
		t.Errorf("the order is %s", got)
	}
}
