package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"

	lib "modernc.org/sqlite/lib"
)

// FileInfo is what a database's file says of itself.
type FileInfo struct {
	SnapshotInfo

	// WrittenBy is the version of the SQLite that wrote to the file last, such as "3.45.1"; empty when none has said so.
	WrittenBy string
	// Newer reports that this version is newer than the one that is built into this program.
	Newer bool
}

// Inspect looks at a file and at what lies beside it, without opening it as a database: nothing is changed and nothing is left
// behind. Unlike a Snapshot it may be asked of a file that this process has open; InUse counts that when it is for writing.
// Errors a caller can test for: *FileError, *HotJournalError.
func Inspect(path string) (info *FileInfo, err error) {
	target, err := resolve(path)
	if err != nil {
		return nil, err
	}
	others := users(target)
	opened, err := openProbe(target)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	looked := &Snapshot{probe: opened}
	if err := looked.look(others); err != nil {
		return nil, err
	}
	looked.info.InUse = looked.info.InUse || others.hereWriting
	raw := make([]byte, headerSize)
	if _, err := opened.read(raw); err != nil {
		return nil, pathError(target, err)
	}
	const writer = 96 // https://sqlite.org/fileformat2.html#validfor
	number := binary.BigEndian.Uint32(raw[writer:])
	info = &FileInfo{SnapshotInfo: looked.info, Newer: number > lib.SQLITE_VERSION_NUMBER}
	if number > 0 {
		info.WrittenBy = fmt.Sprintf("%d.%d.%d", number/1_000_000, number/1000%1000, number%1000)
	}
	return info, nil
}

// IsDamage reports whether SQLite has found a file malformed.
func IsDamage(err error) bool {
	_, damaged := errors.AsType[*DamagedError](err)
	return damaged || primary(err) == lib.SQLITE_CORRUPT
}
