package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// pageCopier is an online backup of SQLite (https://sqlite.org/c3ref/backup_finish.html) from a connection into a file.
type pageCopier struct {
	source *Reader
	target *handle
	path   string // of the file
	backup uintptr
	step1  int32 // pages of a step
	copied int64 // pages
	pages  int64 // of the source
}

// newPageCopier begins a backup into an empty file that nobody else knows. So the file needs no lock, no journal, and no
// sync but those of the caller.
func newPageCopier(source *Reader, path string, pageSize int) (*pageCopier, error) {
	target, err := openHandleFor(lib.SQLITE_OPEN_READWRITE, fileURI(path)+"?mode=rw&vfs="+noLockVFS)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c := &pageCopier{source: source, target: target, path: path, step1: int32(max(1, backupStep/pageSize))}
	if err := c.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), target.close())
	}
	return c, nil
}

func (c *pageCopier) begin() error {
	for _, statement := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -2000", "PRAGMA mmap_size = 0"} {
		if err := c.target.execute(statement); err != nil {
			return err
		}
	}
	name, err := libc.CString("main")
	if err != nil {
		return fmt.Errorf("allocate: %w", err)
	}
	defer libc.Xfree(c.target.tls, name)
	c.backup = lib.Xsqlite3_backup_init(c.target.tls, c.target.db, name, c.source.handle.db, name)
	if c.backup == 0 {
		return c.target.failure(lib.Xsqlite3_errcode(c.target.tls, c.target.db))
	}
	return nil
}

// step copies the next pages. Where no transaction is held SQLite begins again after somebody's commit, which is seen by the
// pages that are copied and is a *ChangedError here: the caller counts it, and looks at the file anew.
func (c *pageCopier) step() (done bool, err error) {
	code := lib.Xsqlite3_backup_step(c.target.tls, c.backup, c.step1)
	pages := int64(lib.Xsqlite3_backup_pagecount(c.target.tls, c.backup))
	copied := pages - int64(lib.Xsqlite3_backup_remaining(c.target.tls, c.backup))
	switch {
	case isBusy(code):
		return false, &BusyError{Path: c.source.path, Err: c.source.handle.failure(code)}
	case code != lib.SQLITE_OK && code != lib.SQLITE_DONE:
		return false, c.failure(code)
	case c.copied > 0 && copied < min(c.copied+int64(c.step1), pages):
		return false, &ChangedError{Path: c.source.path, What: "another process committed"}
	}
	c.copied, c.pages = copied, pages
	return code == lib.SQLITE_DONE, nil
}

// failure tells from which side an error came: SQLite has one code for both.
func (c *pageCopier) failure(code int32) error {
	of := &ResultError{Code: int(code), Message: libc.GoString(lib.Xsqlite3_errstr(c.target.tls, code))}
	switch code & 0xff {
	case lib.SQLITE_FULL:
		return fmt.Errorf("write %s: %w", c.path, of)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_READONLY, lib.SQLITE_PROTOCOL, lib.SQLITE_CANTOPEN:
		return explain(c.source.path, of)
	}
	return fmt.Errorf("copy %s to %s: %w", c.source.path, c.path, of)
}

// close ends the backup. What it says of errors is known from the steps.
func (c *pageCopier) close() error {
	lib.Xsqlite3_backup_finish(c.target.tls, c.backup)
	if err := c.target.close(); err != nil {
		return fmt.Errorf("close %s: %w", c.path, err)
	}
	return nil
}
