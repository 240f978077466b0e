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
