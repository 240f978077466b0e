package dbtest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// RestorePrepared fills a database, as its owner, with the empty homeserver schema of a version ("72" or "94") as the
// Python homeserver made it. It reports whether this machine has that schema.
func RestorePrepared(t testing.TB, database *Database, version string) (ok bool) {
	t.Helper()
	folder, ok := Data(t)
	if !ok {
		return false
	}
	dump := filepath.Join(folder, "prepared-"+version+".pgdump")
	restore := exec.CommandContext(t.Context(), database.server.Bin("pg_restore"),
		"--no-owner", "--no-acl", "--exit-on-error", "--dbname="+database.DSN, dump)
	if output, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("restore %s: %v\n%s", dump, err, output)
	}
	return true
}

// NewRestoredDatabase makes a database that belongs to this test alone and holds what RestorePrepared puts into one. It
// reports whether this machine has that schema; the database is nil where it has not.
func NewRestoredDatabase(t testing.TB, version string) (database *Database, ok bool) {
	t.Helper()
	if _, ok := Data(t); !ok {
		return nil, false
	}
	return NewPreparedDatabase(t, "the Python homeserver's "+version, func(t testing.TB, empty *Database) {
		t.Helper()
		RestorePrepared(t, empty, version)
	}), true
}
