package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
)

// validLabel keeps labels to what is a name of a file everywhere.
func validLabel(label string) bool { return labelForm.MatchString(label) }

var labelForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// writeSynced makes a file that only its owner may read, and brings it to the disk.
func writeSynced(folder *os.Root, name string, content []byte) error {
	file, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// syncFolder brings the names in a folder to the disk.
func syncFolder(root *os.Root, name string) error { return syncFile(root, name, true) }

// summing counts and sums what is written through it.
type summing struct {
	to   io.Writer
	hash hash.Hash
	size int64
}

func newSumming(to io.Writer) *summing { return &summing{to: to, hash: sha256.New()} }

func (s *summing) Write(content []byte) (int, error) {
	n, err := s.to.Write(content)
	s.hash.Write(content[:n])
	s.size += int64(n)
	return n, err
}

func (s *summing) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// reading ends when its context does, and says how much was read.
type reading struct {
	ctx  context.Context //nolint:containedctx // a Reader is not given one
	from io.Reader
	took func(bytes int64)
}

func (r *reading) Read(into []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.from.Read(into)
	if r.took != nil {
		r.took(int64(n))
	}
	return n, err
}

// bufferSize is what is read at once.
const bufferSize = 256 << 10

// copySummed copies a file's content, and sums it.
func copySummed(ctx context.Context, to io.Writer, from io.Reader, took func(int64)) (size int64, sum string, err error) {
	s := newSumming(to)
	_, err = io.CopyBuffer(s, &reading{ctx: ctx, from: from, took: took}, make([]byte, bufferSize))
	return s.size, s.sum(), err
}

// storeCopy makes a copy below a folder, with the folders on the way. It is not brought to the disk.
func storeCopy(ctx context.Context, folder *os.Root, name string, from io.Reader, took func(int64)) (Stored, error) {
	stored := Stored{Name: name}
	if err := folder.MkdirAll(path.Dir(name), 0o700); err != nil {
		return stored, err
	}
	file, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return stored, err
	}
	stored.Size, stored.SHA256, err = copySummed(ctx, file, from, took)
	return stored, errors.Join(err, file.Close())
}

// sumFile reads a file that is there.
func sumFile(ctx context.Context, folder *os.Root, name string, took func(int64)) (Stored, error) {
	stored := Stored{Name: name}
	file, err := folder.Open(name)
	if err != nil {
		return stored, err
	}
	defer file.Close()
	stored.Size, stored.SHA256, err = copySummed(ctx, io.Discard, file, took)
	return stored, err
}

// checkStored reads a file of the repository and compares it with what was recorded; the error is a *DamagedError.
func checkStored(ctx context.Context, folder *os.Root, wanted Stored, took func(int64)) error {
	got, err := sumFile(ctx, folder, wanted.Name, took)
	return judge(wanted, got, err)
}

func judge(wanted, got Stored, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &DamagedError{Name: wanted.Name, What: "it is missing"}
	case err != nil:
		return fmt.Errorf("read %s: %w", wanted.Name, err)
	case got.Size != wanted.Size:
		return &DamagedError{Name: wanted.Name, What: fmt.Sprintf("it has %d bytes, and had %d", got.Size, wanted.Size)}
	case got.SHA256 != wanted.SHA256:
		return &DamagedError{Name: wanted.Name, What: "its SHA-256 has changed"}
	}
	return nil
}
