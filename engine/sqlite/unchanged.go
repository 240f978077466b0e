package sqlite

import (
	"fmt"
	"os"
)

// Unchanged returns a *ChangedError when the file was written to since the snapshot was opened, as far as that could
// have disturbed it. With SharedMemory it never could; with SharedLock only a program that ignores SQLite's locks could.
// It costs a few system calls.
func (s *Snapshot) Unchanged() error {
	if s.probe == nil {
		return fmt.Errorf("check %s: %w", s.info.Path, errClosed)
	}
	now, err := s.probe.examine()
	if err != nil {
		return fmt.Errorf("check that %s is unchanged: %w", s.info.Path, err)
	}
	if what := s.difference(now); what != "" {
		return &ChangedError{Path: s.info.Path, What: what}
	}
	return nil
}

func (s *Snapshot) difference(now state) string {
	before := s.before
	switch {
	case !os.SameFile(before.file, now.file):
		return "another file has taken its place"
	case s.info.Access == SharedMemory:
		return "" // the owner goes on writing, and SQLite keeps our pages for us
	case before.header.ChangeCounter != now.header.ChangeCounter:
		return "its change counter moved"
	case before.file.Size() != now.file.Size():
		return fmt.Sprintf("its size went from %d to %d bytes", before.file.Size(), now.file.Size())
	case !before.file.ModTime().Equal(now.file.ModTime()):
		return "its time of change moved"
	case !sameSidecar(before.wal, now.wal):
		return "its write-ahead log changed"
	}
	return ""
}

// sameSidecar takes an empty log for none: a connection that only opens makes one.
func sameSidecar(before, now sidecar) bool {
	if before.size == 0 || now.size == 0 {
		return before.size == now.size
	}
	return before.size == now.size && os.SameFile(before.info, now.info) && before.info.ModTime().Equal(now.info.ModTime())
}
