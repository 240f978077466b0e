package sqlite

import (
	"net/url"
	"os"
	"strings"
)

// Access is the way in which a snapshot reads its file. It is chosen so that the view cannot change and the folder stays as it is.
type Access string

// The ways.
const (
	// SharedLock holds SQLite's shared lock, which keeps every writer from committing: rollback journal mode.
	SharedLock Access = "shared lock"
	// SharedMemory takes part in the write-ahead log of a process that has the database open; that process goes on writing.
	SharedMemory Access = "shared memory"
	// Immutable takes no lock, since nobody has the database open and nothing is in its write-ahead log.
	Immutable Access = "immutable"
	// PrivateLog reads the write-ahead log that a dead process left, with an index of its own in memory.
	PrivateLog Access = "private log"
)

// choose decides how to read a database in this state. live says that another process holds a lock on it.
func (s state) choose(live bool) Access {
	switch {
	case !s.header.WAL:
		return SharedLock
	case live:
		return SharedMemory
	case s.wal.size > 0:
		return PrivateLog
	}
	return Immutable
}

// uri names the file for SQLite in the way that access needs. A rollback-mode file is not opened immutable even when it
// could be: the lock is what keeps a server that starts now from writing.
func (a Access) uri(path string) string {
	switch a {
	case Immutable:
		return fileURI(path) + "?mode=ro&immutable=1"
	case PrivateLog:
		return fileURI(path) + "?mode=ro&vfs=" + noLockVFS
	case SharedLock, SharedMemory:
	}
	return fileURI(path) + "?mode=ro"
}

// preparation are the statements of a new connection. In exclusive mode SQLite keeps the index of the write-ahead log on
// its own heap; that has to be said before anything makes it look into the file. Mapped pages would count as our memory,
// and a large cache is of little use to one pass over a table.
func (a Access) preparation() []string {
	statements := []string{"PRAGMA mmap_size = 0", "PRAGMA cache_size = -2000", "PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF"}
	if a == PrivateLog {
		return append([]string{"PRAGMA locking_mode = EXCLUSIVE"}, statements...)
	}
	return statements
}

// fileURI writes an absolute path as a URI, byte by byte, whatever characters it holds (https://sqlite.org/uri.html).
func fileURI(path string) string {
	slashed := path
	if os.PathSeparator == '\\' {
		slashed = "/" + strings.ReplaceAll(path, `\`, "/")
	}
	return "file://" + (&url.URL{Path: slashed}).EscapedPath()
}
