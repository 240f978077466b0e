package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	lib "modernc.org/sqlite/lib"
)

// Snapshot is one unchanging view of a database file through several connections. It never writes to the source and
// leaves nothing beside it. The process must not open the same file otherwise while a snapshot is open: the locks
// of POSIX belong to the process, and closing one descriptor would drop those of the others.
type Snapshot struct {
	info    SnapshotInfo
	probe   *probe
	before  state
	mark    string // of the state of a write-ahead log that goes on growing
	readers []*Reader
}

// SnapshotInfo is what is known of a file before the first row is read.
type SnapshotInfo struct {
	Path          string // absolute, without symbolic links
	Size          int64  // of the file, in bytes
	WALBytes      int64  // of the write-ahead log, in bytes
	JournalMode   string // of the file: "wal", or "rollback" for all others
	InUse         bool   // another process has it open
	Access        Access
	SQLiteVersion string // of the library that reads
	PageSize      int    // bytes
	ApplicationID int32
	AutoVacuum    bool
	Encoding      string // "UTF-8" or "UTF-16"
}

// OpenSnapshot opens the database at path through as many connections as there shall be readers, all of them in one
// read transaction each, on the same state. Errors a caller can test for: *FileError, *HotJournalError, *BusyError,
// *DamagedError, *VersionError.
func OpenSnapshot(ctx context.Context, path string, readers int, log *slog.Logger) (*Snapshot, error) {
	if readers < 1 {
		return nil, fmt.Errorf("open %s: %d readers were asked for, at least one is needed", path, readers)
	}
	if err := checkVersion(lib.SQLITE_VERSION); err != nil {
		return nil, err
	}
	target, err := resolve(path)
	if err != nil {
		return nil, err
	}
	s, err := prepareSnapshot(target)
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, readers); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	log.DebugContext(ctx, "snapshot opened", "path", target, "access", string(s.info.Access), "in_use", s.info.InUse,
		"size_bytes", s.info.Size, "wal_bytes", s.info.WALBytes, "readers", readers)
	return s, nil
}

// prepareSnapshot looks at the files and decides how to read them.
func prepareSnapshot(path string) (*Snapshot, error) {
	others := users(path)
	if others.hereWriting {
		return nil, &FileError{Path: path, Problem: OpenHere, Hint: "close it first, or read through that connection"}
	}
	opened, err := openProbe(path)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{probe: opened}
	if err := s.look(others); err != nil {
		return nil, errors.Join(err, opened.close())
	}
	return s, nil
}

func (s *Snapshot) look(others usage) error {
	var err error
	if s.before, err = s.probe.examine(); err != nil {
		return err
	}
	live, err := s.probe.locked(lockStart, lockLength)
	if err != nil {
		return err
	}
	if err := s.before.refuse(s.probe); err != nil {
		return err
	}
	s.info = s.before.describe(s.probe.path)
	s.info.Access = s.before.choose(live)
	s.info.InUse = live || others.elsewhere > 0
	return nil
}

func (s state) describe(path string) SnapshotInfo {
	info := SnapshotInfo{
		Path: path, Size: s.file.Size(), WALBytes: s.wal.size, JournalMode: "rollback", SQLiteVersion: lib.SQLITE_VERSION,
		PageSize: s.header.PageSize, ApplicationID: s.header.ApplicationID, AutoVacuum: s.header.AutoVacuum, Encoding: "UTF-8",
	}
	if s.header.WAL {
		info.JournalMode = "wal"
	}
	if s.header.Wide {
		info.Encoding = "UTF-16"
	}
	return info
}

// Info returns what was found when the snapshot was opened.
func (s *Snapshot) Info() SnapshotInfo { return s.info }

// Reader returns reader i, counted from 0.
func (s *Snapshot) Reader(i int) *Reader { return s.readers[i] }

// Close ends all queries and closes all connections. Whoever asks Unchanged does so before.
func (s *Snapshot) Close() error {
	var problems []error
	for _, reader := range s.readers {
		problems = append(problems, reader.close())
	}
	s.readers = nil
	if s.probe != nil {
		problems = append(problems, s.probe.close()) // last: it would take the locks of the connections with it
		s.probe = nil
	}
	return errors.Join(problems...)
}
