package difference

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// StorageError is what a temporary file could not do.
type StorageError struct {
	// Operation is "create", "write" or "read".
	Operation string
	// Folder is where the temporary files are.
	Folder string
	// Err is the operating system's error.
	Err error
}

// Error says what to do, too.
func (e *StorageError) Error() string {
	advice := "make the folder writable, or name another folder for temporary files"
	if errors.Is(e.Err, syscall.ENOSPC) || errors.Is(e.Err, syscall.EDQUOT) || errors.Is(e.Err, syscall.EFBIG) {
		advice = "free some space there, or name another folder for temporary files"
	}
	return fmt.Sprintf("%s a temporary file in %s: %v; %s", e.Operation, e.Folder, cause(e.Err), advice)
}

// Unwrap returns the operating system's error.
func (e *StorageError) Unwrap() error { return e.Err }

// cause leaves the name of the file out, since the file has none any more.
func cause(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

// temporary is a file that only its owner can read, and that vanishes with the process.
type temporary struct {
	file   *os.File
	folder string
	named  bool // where the system does not remove the name of an open file
	size   int64
}

func newTemporary(folder string) (*temporary, error) {
	file, err := os.CreateTemp(folder, "synapse-difference-*") // mode 0600
	if err != nil {
		return nil, &StorageError{Operation: "create", Folder: folder, Err: err}
	}
	return &temporary{file: file, folder: folder, named: os.Remove(file.Name()) != nil}, nil
}

// Write appends.
func (t *temporary) Write(content []byte) (int, error) {
	written, err := t.file.Write(content)
	t.size += int64(written)
	if err != nil {
		return written, &StorageError{Operation: "write", Folder: t.folder, Err: err}
	}
	return written, nil
}

// ReadAt reads what was written before.
func (t *temporary) ReadAt(content []byte, offset int64) (int, error) {
	read, err := t.file.ReadAt(content, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return read, &StorageError{Operation: "read", Folder: t.folder, Err: err}
	}
	return read, err
}

// Close gives the space back.
func (t *temporary) Close() error {
	err := t.file.Close()
	if t.named {
		err = errors.Join(err, os.Remove(t.file.Name()))
	}
	return err
}
