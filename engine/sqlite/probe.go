package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// header is what the first hundred bytes of a database say (https://sqlite.org/fileformat2.html#the_database_header).
type header struct {
	PageSize      int
	WAL           bool   // a write-ahead log holds the newest commits
	ChangeCounter uint32 // commits since the file was made; in WAL mode only loosely
	Pages         uint32
	AutoVacuum    bool
	Wide          bool // text is UTF-16
	ApplicationID int32
}

const headerSize = 100

var magic = []byte("SQLite format 3\x00")

func parseHeader(raw []byte) (header, bool) {
	if len(raw) < headerSize || !bytes.HasPrefix(raw, magic) {
		return header{}, false
	}
	field := func(offset int) uint32 { return binary.BigEndian.Uint32(raw[offset:]) }
	size := int(binary.BigEndian.Uint16(raw[16:]))
	if size == 1 {
		size = 65536
	}
	return header{
		PageSize:      size,
		WAL:           raw[18] == 2 || raw[19] == 2,
		ChangeCounter: field(24),
		Pages:         field(28),
		AutoVacuum:    field(52) != 0,
		Wide:          field(56) > 1,
		ApplicationID: int32(field(68)),
	}, true
}

// state is everything about a database's files that a commit by somebody else would change.
type state struct {
	header  header
	file    fs.FileInfo
	wal     sidecar
	journal sidecar
}

// sidecar is a file that SQLite keeps beside the database.
type sidecar struct {
	exists bool
	size   int64
	info   fs.FileInfo
}

func lookBeside(path string) (sidecar, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sidecar{}, nil
	}
	if err != nil {
		return sidecar{}, fmt.Errorf("look at %s: %w", path, err)
	}
	return sidecar{exists: true, size: info.Size(), info: info}, nil
}

// resolve returns the absolute path without symbolic links: SQLite keeps its journals beside the real file.
// Whatever makes the path no database file is reported here, before anything is opened.
func resolve(path string) (string, error) {
	if path == "" {
		return "", &FileError{Path: `""`, Problem: Missing, Hint: "name the database file"}
	}
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		target, err = filepath.Abs(target)
	}
	if err != nil {
		return "", pathError(path, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", pathError(path, err)
	}
	return target, kindError(path, info)
}

func pathError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &FileError{Path: path, Problem: Missing, Err: err, Hint: "check the path; no database is created here"}
	}
	return &FileError{Path: path, Problem: Unreadable, Err: err,
		Hint: "run as the user that owns the database, or give this user the right to read it"}
}

func kindError(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &FileError{Path: path, Problem: Directory, Hint: "name the database file in it"}
	case !info.Mode().IsRegular():
		return &FileError{Path: path, Problem: Special, Hint: "name the database file itself"}
	case info.Size() == 0:
		return &FileError{Path: path, Problem: Empty, Hint: "check the path: a database that nothing was ever written to has nothing to read"}
	}
	return nil
}

// examine reads the header and looks at the files beside the database.
func (p *probe) examine() (state, error) {
	var now state
	raw := make([]byte, headerSize)
	read, err := p.read(raw)
	if read == 0 && err != nil {
		return now, pathError(p.path, err)
	}
	if now.file, err = os.Stat(p.path); err != nil {
		return now, pathError(p.path, err)
	}
	var known bool
	if now.header, known = parseHeader(raw[:read]); !known {
		return now, foreign(p.path, raw[:read], now.file.Size())
	}
	if now.wal, err = lookBeside(p.path + "-wal"); err != nil {
		return now, err
	}
	now.journal, err = lookBeside(p.path + "-journal")
	return now, err
}
