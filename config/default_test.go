package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synapsedb/synapse/config"
)

// Default is what a configuration says that names nothing but the file.
func TestDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = "database: {name: sqlite3, args: {database: homeserver.db}}\n"
	if err := os.WriteFile("homeserver.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := config.Load("homeserver.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Default()
	if err != nil {
		t.Fatal(err)
	}
	ignored := []cmp.Option{
		cmpopts.IgnoreFields(config.Config{}, "Files", "Warnings"), cmpopts.IgnoreUnexported(config.Config{}),
		cmpopts.IgnoreFields(config.Database{}, "Position"),
	}
	if diff := cmp.Diff(want, got, ignored...); diff != "" {
		t.Error(diff)
	}
	if path := got.Databases[0].SQLitePath; !filepath.IsAbs(path) {
		t.Error(path)
	}
}
