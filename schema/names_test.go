package schema

import (
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
)

func TestReadName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind fileKind
		only engine.Kind
	}{
		"01a.sql":          {sqlFile, ""},
		"01a.sql.sqlite":   {sqlFile, engine.SQLite},
		"01a.sql.postgres": {sqlFile, engine.Postgres},
		"01a.sql.mysql":    {sqlFile, engine.MySQL},
		"01a.sqlite":       {otherFile, ""},
		"01a.postgres":     {otherFile, ""},
		"01a.sql.posgres":  {otherFile, ""},
		"01a.py":           {pythonFile, ""},
		"01a.pyc":          {ignoredFile, ""},
		"__pycache__":      {ignoredFile, ""},
		"01a.go":           {goFile, ""},
		"README":           {otherFile, ""},
		"":                 {otherFile, ""},
		".sql":             {sqlFile, ""},
	}
	for name, want := range tests {
		if kind, only := readName(name); kind != want.kind || only != want.only {
			t.Errorf("%q is %v for %q", name, kind, only)
		}
	}
}

func FuzzReadName(f *testing.F) {
	for _, name := range []string{"01a.sql", "01a.sql.sqlite", "1.py", "__pycache__", "..", "01a.sql/", "72"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		kind, only := readName(name)
		if only != "" && (kind != sqlFile || !strings.HasSuffix(name, ".sql."+string(only))) {
			t.Errorf("%q is %v for %q", name, kind, only)
		}
		if version, ok := readVersion(name); ok && (version < 0 || strings.Trim(name, "0123456789") != "") {
			t.Errorf("%q is version %d", name, version)
		}
		if ownDelta.MatchString(name) && strings.ContainsAny(name, "/\\\x00 ") {
			t.Errorf("%q is taken for a delta", name)
		}
	})
}
