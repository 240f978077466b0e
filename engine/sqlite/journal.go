package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// refuse reports a hot rollback journal: one with content, whose writer is gone.
func (s state) refuse(p *probe) error {
	if s.journal.size == 0 {
		return nil
	}
	hot, err := startsHot(p.path + "-journal")
	if err != nil || !hot {
		return err
	}
	writing, err := p.locked(reservedByte, 1)
	if err != nil || writing {
		return err
	}
	return &HotJournalError{Path: p.path, Journal: p.path + "-journal"}
}

// startsHot tells a journal in use from one that was left behind zeroed, as journal_mode PERSIST does.
func startsHot(journal string) (bool, error) {
	file, err := os.Open(journal)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // its writer has just committed
	}
	if err != nil {
		return false, pathError(journal, err)
	}
	defer file.Close()
	first := make([]byte, 1)
	if _, err := file.ReadAt(first, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", journal, err)
	}
	return first[0] != 0, nil
}
