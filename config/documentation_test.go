package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine/postgres"
)

const documentation = "../docs/configuration.md"

// The page's tables are the code's, row by row.
func TestDocumentationListsEveryKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	got := tableRows(string(text))
	for heading, want := range map[string][]string{
		"Top level":             keyRows(config.TopLevelKeys()),
		"Background updates":    keyRows(config.BackgroundUpdateKeys()),
		"A database's section":  keyRows(config.DatabaseKeys()),
		"The pool":              keyRows(config.PoolKeys()),
		"SQLite":                keyRows(config.SQLiteKeys()),
		"PostgreSQL":            argumentRows(),
		"Environment variables": variableRows(),
	} {
		if diff := cmp.Diff(want, got[heading]); diff != "" {
			t.Errorf("%s (%s): %s\nthe table should be:\n%s", documentation, heading, diff, strings.Join(want, "\n"))
		}
	}
}

// tableRows gives the rows of the table under each heading, without its head.
func tableRows(text string) map[string][]string {
	rows, heading := map[string][]string{}, ""
	for line := range strings.SplitSeq(text, "\n") {
		if title, found := strings.CutPrefix(line, "## "); found {
			heading = title
		}
		if strings.HasPrefix(line, "| `") {
			rows[heading] = append(rows[heading], line)
		}
	}
	return rows
}

func keyRows(keys []config.Key) []string {
	var rows []string
	for _, key := range keys {
		rows = append(rows, "| `"+key.Name+"` | "+key.Allowed+" | "+key.Meaning+" |")
	}
	return rows
}

func argumentRows() []string {
	var rows []string
	for _, key := range postgres.Keys() {
		rows = append(rows, "| `"+key.Name+"` | "+string(key.Treatment)+" | "+key.Allowed+" | "+key.Meaning+" |")
	}
	return rows
}

func variableRows() []string {
	var rows []string
	for _, variable := range postgres.EnvironmentVariables() {
		rows = append(rows, "| `"+variable.Name+"` | `"+variable.Key+"` |")
	}
	return rows
}
