package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// longestSocketPath is the shortest limit among systems for the path of a Unix socket, in bytes (macOS; Linux has 107).
const longestSocketPath = 103

// privateFolder makes a new folder that only the account can enter, short enough a path for a socket inside it.
func privateFolder(account account, prefix, socket string) (string, error) {
	parent, err := folderParent(account, len(prefix)+len(socket)+len("/0123456789/"))
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return "", fmt.Errorf("make the server's folder: %w", err)
	}
	if err := account.own(folder); err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// folderParent returns the first folder for temporary files that the account can reach and that leaves room for the
// rest of a socket's path.
func folderParent(account account, rest int) (string, error) {
	candidates := []string{os.TempDir(), "/tmp", "/var/tmp"}
	for _, candidate := range candidates {
		if len(candidate)+rest <= longestSocketPath && reachable(account, candidate) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("choose a folder for the server: none of %v is short enough for a socket (at most %d bytes) "+
		"and open to the server's account: set TMPDIR to one that is", candidates, longestSocketPath-rest)
}

// reachable reports whether the account can walk into a folder. For an account that is not ours only the permissions
// for everybody count.
func reachable(account account, folder string) bool {
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return false
	}
	if account.other && info.Mode().Perm()&0o001 == 0 {
		return false
	}
	parent := filepath.Dir(folder)
	return parent == folder || reachable(account, parent)
}
