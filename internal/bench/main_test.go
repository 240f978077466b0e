package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// The quick forms measure nothing: they show that the long ones work to their end, and that each table is filled.
func TestQuickForms(t *testing.T) {
	t.Parallel()
	private := dbtest.StartPostgres(t, server.PostgresOptions{})
	for what, want := range map[string][]string{
		"foreground": {
			`(?m)^pgbench, scale 1, 2 clients, at [1-9][0-9]* transactions/s`,
			`(?m)^ +1 +[1-9][0-9]* +[0-9.]+ +[1-9][0-9]* +[0-9.]+ +[0-9.]+ +[1-9][0-9]* +[1-9][0-9]*$`,
			`(?m)^median ratio of p99: [0-9.]+ `,
		},
		"updater": {
			`(?m)^round +updater +100 +1000$`,
			`(?m)^ +1( +[1-9][0-9]*){3}$`,
			`(?m)^postgres: medians: the best loop is that of 10+ rows, [0-9]+ rows/s; the updater reaches [0-9]+, ratio [0-9.]+ `,
			`(?m)^sqlite: medians: .*, ratio [0-9.]+ `,
		},
	} {
		var output bytes.Buffer
		if err := benchmarks()[what](t.Context(), settings{quick: true, folder: t.TempDir()}, private, &output); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, pattern := range want {
			if !regexp.MustCompile(pattern).MatchString(output.String()) {
				t.Errorf("%s: there is no line like %s:\n%s", what, pattern, &output)
			}
		}
	}
}
