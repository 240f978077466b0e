//go:build !unix

package sqlite

import "os"

const (
	lockStart    = 0x40000000
	lockLength   = 2 + 510
	reservedByte = lockStart + 1
)

// noLockVFS is the VFS of SQLite that reads files without locks and without shared memory.
const noLockVFS = "win32-none"

// probe is our own descriptor of the database.
type probe struct {
	path string
	file *os.File
}

func openProbe(path string) (*probe, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	return &probe{path: path, file: file}, nil
}

func (p *probe) read(buffer []byte) (int, error) { return p.file.ReadAt(buffer, 0) }

// locked cannot ask for locks here. The shared memory of WAL mode exists while a connection does, which is the next best sign.
func (p *probe) locked(start, length int64) (bool, error) {
	memory, err := lookBeside(p.path + "-shm")
	return memory.exists, err
}

func (p *probe) close() error { return p.file.Close() }
