package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
)

// FuzzLoad loads any bytes: it must end, and give either a configuration with
// databases or an error of a known type.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		postgresText,
		"database: {name: sqlite3, args: {database: ':memory:'}}",
		"a: &a [*a]\ndatabase: *a",
		"a: &a {b: &b {c: *a, <<: *b}}\ndatabase:\n  <<: [*a, *b]\n",
		"databases:\n  ? [x]\n  : name: psycopg2\n",
		"database: !!map {name: !!str psycopg2, args: !!binary aGk=}",
		"database:\n  name: |\n    psycopg2\n  args: >-\n    x\n",
		"---\n...\n---\n", "\t", "%YAML 1.1\n---\na: b", "\"\\x", "<<: 1\n", "? \n", "- a", "a: b\n<<: *c", "{a: b, a: c}",
		"database: {name: psycopg2, args: {dsn: 'postgres://u:p@h/d?sslmode=require', port: 0x15}}",
	} {
		f.Add([]byte(seed))
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(folder, "homeserver.yaml")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(file)
		if err == nil && len(loaded.Databases) == 0 {
			t.Error("neither a database nor an error")
		}
		if err != nil && !hasKnownType(err) {
			t.Errorf("error of an unknown type %T: %v", err, err)
		}
	})
}

func hasKnownType(err error) bool {
	var at *config.Error
	var syntax *config.SyntaxError
	var missing *config.MissingNameError
	var unsupported *config.EngineError
	var operator *engine.Error
	return errors.As(err, &at) || errors.As(err, &syntax) || errors.As(err, &missing) ||
		errors.As(err, &unsupported) || errors.As(err, &operator)
}

func TestAliasesThatMultiplyAreRefused(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("a0: &a0 {host: h}\n")
	for i, previous := range strings.Fields("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11") {
		name := []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10", "a11", "a12"}[i]
		text.WriteString(name + ": &" + name + " {<<: [*" + strings.Repeat(previous+", *", 9) + previous + "]}\n")
	}
	text.WriteString("database: {name: psycopg2, args: *a12}\n")
	if _, err := load(t, text.String()); err == nil {
		t.Error("no error")
	}
}
