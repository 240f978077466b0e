package server

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// account is the system user that a server runs as. The zero value is the user this process runs as.
type account struct {
	// other is true when uid and gid are to be taken on.
	other    bool
	uid, gid uint32
}

// serverAccount returns the account for a server: this process's own, or, for root, the named one, because servers
// refuse to run as root.
func serverAccount(names ...string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		return accountOf(found)
	}
	return account{}, fmt.Errorf("choose an account for the server: servers refuse to run as root and none of the users "+
		"%v exists: install the server's package, which makes one, or run this as another user", names)
}

// accountOf reads a user's numbers.
func accountOf(found *user.User) (account, error) {
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("read the user number of %s: %w", found.Username, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("read the group number of %s: %w", found.Username, err)
	}
	return account{other: true, uid: uint32(uid), gid: uint32(gid)}, nil
}

// own makes the account the owner of a file or folder.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("hand %s to the server's account: %w", path, err)
	}
	return nil
}
