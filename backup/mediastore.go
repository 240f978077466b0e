package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
)

// A batch is what is brought to the disk at once, before any of it gets its name, while the next one is read.
const (
	batchFiles = 4096
	batchBytes = 256 << 20
)

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// object is the name of a content in the repository.
func object(sum string) string { return objectsFolder + "/" + sum[:2] + "/" + sum }

// has reports whether the repository has a content, as far as its size tells.
func (r *Repository) has(sum string, size int64) bool {
	if r.isDamaged(sum) || !sumForm.MatchString(sum) {
		return false
	}
	shard, err := r.shard(sum[:2])
	if err != nil {
		return false
	}
	info, err := shard.Lstat(sum)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// shard is the folder of the contents whose checksums begin alike. It stays open: opening it for each content would cost more than looking at that.
func (r *Repository) shard(begins string) (*os.Root, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	if opened := r.opened[begins]; opened != nil {
		return opened, nil
	}
	opened, err := r.root.OpenRoot(objectsFolder + "/" + begins)
	if err != nil {
		return nil, err
	}
	if r.opened == nil {
		r.opened = map[string]*os.Root{}
	}
	r.opened[begins] = opened
	return opened, nil
}

// adding puts contents into the repository. What is not on the disk has no name there. add may be called from several goroutines.
type adding struct {
	to      *Repository
	into    *os.Root // where contents are as long as they have no name
	name    string   // of that folder, below the repository
	taken   atomic.Int64
	buffers sync.Pool

	mutex   sync.Mutex
	waiting map[string]int64 // their numbers by checksum
	bytes   int64
	naming  map[string]int64 // the batch before; it may be complete
	named   chan error       // how it has ended; nil without such a batch
}

const waitingFolder = "new"

// newAdding makes the folder of the contents that wait, in that of an unfinished backup.
func newAdding(to *Repository, folder *os.Root, partial string) (*adding, error) {
	if err := folder.Mkdir(waitingFolder, 0o700); err != nil {
		return nil, err
	}
	into, err := folder.OpenRoot(waitingFolder)
	if err != nil {
		return nil, err
	}
	return &adding{
		to: to, into: into, name: partial + "/" + waitingFolder, waiting: map[string]int64{},
		buffers: sync.Pool{New: func() any { return new([bufferSize]byte) }},
	}, nil
}

func waitingName(number int64) string { return strconv.FormatInt(number, 10) }

// add takes a content, and tells what it is, and whether it is new. One that fits into the buffer is only written when it is not there.
func (a *adding) add(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	buffer, _ := a.buffers.Get().(*[bufferSize]byte)
	defer a.buffers.Put(buffer)
	read := &reading{ctx: ctx, from: from, took: took}
	n, err := io.ReadFull(read, buffer[:])
	isWhole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !isWhole {
		return stored, false, err
	}
	if isWhole {
		stored.Size, stored.SHA256 = int64(n), sum(buffer[:n])
		if !a.isNew(stored) {
			return stored, false, nil
		}
	}
	number := a.taken.Add(1)
	file, err := a.into.OpenFile(waitingName(number), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return stored, false, err
	}
	if isWhole {
		_, err = file.Write(buffer[:n])
	} else {
		stored, err = writeSummed(file, buffer[:], n, read)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		isNew, err = a.wait(ctx, stored, number)
	}
	if err != nil || !isNew {
		err = errors.Join(err, unlessMissing(a.into.Remove(waitingName(number))))
	}
	return stored, isNew, err
}

// writeSummed writes the n bytes that the buffer begins with, and what follows them.
func writeSummed(to io.Writer, buffer []byte, n int, rest io.Reader) (stored Stored, err error) {
	s := newSumming(to)
	if _, err = s.Write(buffer[:n]); err == nil {
		_, err = io.CopyBuffer(s, rest, buffer)
	}
	return Stored{Size: s.size, SHA256: s.sum()}, err
}

func (a *adding) isNew(content Stored) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return !a.waits(content.SHA256) && !a.to.has(content.SHA256, content.Size)
}

// waits reports whether a content has been written. It is called with the mutex held.
func (a *adding) waits(sum string) bool {
	_, waits := a.waiting[sum]
	_, isNaming := a.naming[sum]
	return waits || isNaming
}

// wait has a content that was written wait for the others of its batch, if no other goroutine has written the same.
func (a *adding) wait(ctx context.Context, content Stored, number int64) (isNew bool, err error) {
	if !a.isNew(content) {
		return false, nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.waits(content.SHA256) {
		return false, nil
	}
	a.waiting[content.SHA256] = number
	a.bytes += content.Size
	if len(a.waiting) >= batchFiles || a.bytes >= batchBytes {
		err = a.next(ctx)
	}
	return true, err
}

// next has what waits brought to the disk and named, when that is done with the batch before. It is called with the mutex held.
func (a *adding) next(ctx context.Context) error {
	if err := a.before(); err != nil {
		return err
	}
	named := make(chan error, 1)
	a.naming, a.named = a.waiting, named
	a.waiting, a.bytes = map[string]int64{}, 0
	ctx = context.WithoutCancel(ctx) // it ends with the reading, and this goes on
	go func(batch map[string]int64) { named <- a.nameAll(ctx, batch) }(a.naming)
	return nil
}

// before waits for the batch before.
func (a *adding) before() error {
	if a.named == nil {
		return nil
	}
	err := <-a.named
	a.naming, a.named = nil, nil
	return err
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// flush brings to the disk what waits, and gives it its names.
func (a *adding) flush(ctx context.Context) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.next(ctx); err != nil {
		return err
	}
	return errors.Join(a.before(), a.into.Close())
}

// close ends what goes on behind an error.
func (a *adding) close() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	_ = a.before()     // the error before it is told
	_ = a.into.Close() // a folder
}

func (a *adding) nameAll(ctx context.Context, batch map[string]int64) error {
	if len(batch) == 0 {
		return nil
	}
	if err := syncAll(ctx, a.into, "."); err != nil {
		return err
	}
	for sum, number := range batch {
		if err := a.give(sum, number); err != nil {
			return fmt.Errorf("name the content %s: %w", object(sum), err)
		}
	}
	return nil
}

// give gives a content its name.
func (a *adding) give(sum string, number int64) error {
	if _, err := a.to.shard(sum[:2]); errors.Is(err, fs.ErrNotExist) {
		if err := a.to.root.Mkdir(objectsFolder+"/"+sum[:2], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := a.to.root.Rename(a.name+"/"+waitingName(number), object(sum)); err != nil {
		return err
	}
	return a.to.replaced(sum)
}
