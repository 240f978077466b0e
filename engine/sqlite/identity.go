package sqlite

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"modernc.org/libc"
)

// Identity returns a text that names the state of the file which the snapshot shows. Two snapshots with the same text show
// the same rows: it changes with every commit, and also when the file was only moved, copied or vacuumed. It is made of the
// file's device, number, size and time of change, its change counter, and of its write-ahead log the salts (which change
// whenever the log begins anew), the size and the time of change; where a live process writes to that log, also of the
// state itself, as sqlite3_snapshot_get tells it.
func (s *Snapshot) Identity() (string, error) {
	device, number := fileNumber(s.before.file)
	text := fmt.Sprintf("file %d:%d size %d changed %d counter %d", device, number,
		s.before.file.Size(), s.before.file.ModTime().UnixNano(), s.before.header.ChangeCounter)
	if s.before.wal.size == 0 {
		return text + s.mark, nil
	}
	salts, err := walSalts(s.info.Path + "-wal")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s log %s size %d changed %d%s", text, salts, s.before.wal.size, s.before.wal.info.ModTime().UnixNano(), s.mark), nil
}

const (
	walHeaderSize = 32
	walSaltsAt    = 16 // https://sqlite.org/fileformat2.html#walformat
	walSaltsEnd   = 24
)

// walSalts reads the two salts of a write-ahead log; one that is gone or was never begun has none.
func walSalts(path string) (salts string, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "none", nil
	}
	if err != nil {
		return "", pathError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	header := make([]byte, walHeaderSize)
	if _, err := io.ReadFull(file, header); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "none", nil
	} else if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(header[walSaltsAt:walSaltsEnd]), nil
}

// snapshotSize is the size of SQLite's struct sqlite3_snapshot.
const snapshotSize = 48

// markOf writes down which state of the write-ahead log a snapshot stands on.
func markOf(state uintptr) string {
	if state == 0 {
		return ""
	}
	return " state " + hex.EncodeToString(libc.GoBytes(state, snapshotSize))
}
