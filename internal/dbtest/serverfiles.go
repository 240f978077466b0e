package dbtest

import (
	"os"
	"os/user"
	"strconv"
	"testing"
)

// NewServerFolder makes a folder that the account of a private server can enter, which those of t.TempDir are not. It goes with the
// test.
func NewServerFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "synapse-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // the server has another user
		t.Fatal(err)
	}
	return folder
}

// GiveToServer makes the account that private PostgreSQL servers have when the tests run as root the owner of files.
func GiveToServer(t testing.TB, paths ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(account.Uid) // numbers, where there is a root
	gid, _ := strconv.Atoi(account.Gid)
	for _, path := range paths {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
}
