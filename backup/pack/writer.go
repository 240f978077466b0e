package pack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/store"
)

// Writer puts files into packs, and the packs into a store. It is for one goroutine; beside it, packs are encrypted and stored. Its first error, also one
// of storing, ends everything, and every later call returns it. Close or Discard has to be called in any case: only then is nothing left that runs.
type Writer struct {
	to         store.Store
	recipients []age.Recipient
	layout     layout
	life       context.Context //nolint:containedctx // it is what ends all that runs, with the first error as its cause
	fail       context.CancelCauseFunc
	running    sync.WaitGroup

	packs    []*Pack
	filling  []byte // the archive that is being filled; nil if there is none
	room     int    // for members in it
	names    map[string]struct{}
	archives chan []byte // buffers that are free
	sealed   chan []byte
	reader   *bufio.Reader
}

// errClosed is what a Writer says behind its end.
var errClosed = errors.New("the packs are closed")

// waitingArchives is how many archives there are: while one is filled, another is encrypted.
const waitingArchives = 2

// NewWriter begins packs. They are encrypted for all recipients; with nil they are not encrypted. So many packs are stored at a time, 1 at least.
func NewWriter(to store.Store, recipients []age.Recipient, uploads int) *Writer {
	uploads = max(uploads, 1)
	w := &Writer{
		to: to, recipients: recipients, names: map[string]struct{}{},
		archives: make(chan []byte, waitingArchives), sealed: make(chan []byte, uploads),
		// No larger: it is there to look one byte ahead, and larger reads go past it.
		reader: bufio.NewReaderSize(nil, 16),
	}
	w.life, w.fail = context.WithCancelCause(context.Background())
	for range waitingArchives {
		w.archives <- nil
	}
	for range uploads {
		w.sealed <- nil
	}
	var err error
	if w.layout, err = newLayout(recipients); err != nil {
		w.fail(err)
	}
	w.room = w.layout.room()
	return w
}

// Add puts a file into packs, and tells into which: indices into what Close returns, in the order of the file's parts. They may not have been stored yet.
// The size is that of what was read, in bytes, however the file changed meanwhile. The same name must not be added twice. The error is a *NameError if the
// name is not one with slashes that stays below a folder on every system. What is stored beside is ended with ctx too, so that it has to last until Close.
func (w *Writer) Add(ctx context.Context, name string, from io.Reader) (packs []int, size int64, err error) {
	if err := context.Cause(w.life); err != nil {
		return nil, 0, err
	}
	packs, size, err = w.add(ctx, name, from)
	if err != nil {
		w.fail(err)
		return nil, 0, context.Cause(w.life) // of two errors, the first explains more
	}
	return packs, size, nil
}

func (w *Writer) add(ctx context.Context, name string, from io.Reader) (packs []int, size int64, err error) {
	if problem := NameProblem(name); problem != "" {
		return nil, 0, &NameError{Name: name, What: problem}
	}
	w.reader.Reset(&reading{ctx: ctx, from: from})
	defer w.reader.Reset(nil)
	for part := 1; ; part++ {
		if part > mostParts {
			return nil, 0, &NameError{Name: name, What: fmt.Sprintf("the file has more than %d parts", mostParts)}
		}
		n, ended, err := w.addPart(ctx, name, part)
		if err != nil {
			return nil, 0, err
		}
		size += int64(n)
		packs = append(packs, len(w.packs))
		if ended {
			return packs, size, nil
		}
		w.flush(ctx)
	}
}

// addPart puts into the archive what fits. It is read to where it is to lie, and its header is written before it when its length is known.
func (w *Writer) addPart(ctx context.Context, name string, part int) (n int, ended bool, err error) {
	reserved, err := memberHeader(partName(name, part), 0)
	if err != nil {
		return 0, false, &NameError{Name: name, What: err.Error()}
	}
	if len(w.filling)+len(reserved)+block > w.room {
		w.flush(ctx)
	}
	if err := w.begin(ctx); err != nil {
		return 0, false, err
	}
	from := len(w.filling) + len(reserved)
	n, ended, err = w.read(w.filling[from:w.room])
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", name, err)
	}
	member := partName(name, part)
	if part == 1 && ended && !looksLikePart(name) {
		member = name
	}
	return n, ended, w.complete(member, from, n)
}

// begin gets a buffer for an archive, if none is being filled.
func (w *Writer) begin(ctx context.Context) error {
	if w.filling != nil {
		return nil
	}
	select {
	case w.filling = <-w.archives:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.life.Done():
		return context.Cause(w.life)
	}
	if w.filling == nil {
		w.filling = make([]byte, 0, Size)
	}
	return nil
}

// read fills a buffer, and looks whether there is more. Only io.EOF itself is an end: a source that ended too early has an error of another kind.
func (w *Writer) read(into []byte) (n int, ended bool, err error) {
	for n < len(into) && err == nil {
		var more int
		more, err = w.reader.Read(into[n:])
		n += more
	}
	if err == nil {
		_, err = w.reader.Peek(1)
	}
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}

// complete writes the header of a member, of which n bytes lie in the archive already, at a place that is far enough behind the member before.
func (w *Writer) complete(member string, from, n int) error {
	if _, twice := w.names[member]; twice {
		return &NameError{Name: member, What: "it was added before"}
	}
	w.names[member] = struct{}{}
	header, err := memberHeader(member, n)
	if err != nil {
		return &NameError{Name: member, What: err.Error()}
	}
	begins := len(w.filling) + len(header)
	if begins != from { // a whole file's name is shorter than that of a part
		copy(w.filling[begins:w.room], w.filling[from:from+n])
	}
	w.filling = append(w.filling, header...)
	w.filling = zeroed(w.filling, begins+n, rounded(begins+n))
	return nil
}

// zeroed is a buffer with zeros from one length to another; it was used before.
func zeroed(buffer []byte, from, to int) []byte {
	buffer = buffer[:to]
	clear(buffer[from:])
	return buffer
}

// flush ends the archive, and has it encrypted and stored.
func (w *Writer) flush(ctx context.Context) {
	if len(w.filling) == 0 {
		return
	}
	archive := zeroed(w.filling, len(w.filling), w.layout.padded(len(w.filling)+archiveEnd))
	w.filling = nil
	clear(w.names)
	pack := &Pack{Name: newName()}
	w.packs = append(w.packs, pack)
	w.running.Go(func() {
		if err := w.store(ctx, pack, archive); err != nil {
			w.fail(fmt.Errorf("store the pack %s: %w", pack.Name, err))
		}
	})
}

// store encrypts an archive and puts it into the store.
func (w *Writer) store(ctx context.Context, pack *Pack, archive []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.life, func() { cancel(context.Cause(w.life)) })()
	var buffer []byte
	select {
	case buffer = <-w.sealed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	into := newSealing(buffer)
	if err := seal(into, archive, w.recipients); err != nil {
		return err
	}
	w.archives <- archive[:0]
	pack.Size, pack.SHA256 = int64(into.content.Len()), into.sum()
	if err := w.put(ctx, *pack, into.content.Bytes()); err != nil {
		return err // and nobody gets the buffer, which a request that was given up may still read
	}
	w.sealed <- into.content.Bytes()
	return nil
}

// put stores a pack. A name of chance that is there already is one whose first answer was lost, if its content is the same.
func (w *Writer) put(ctx context.Context, pack Pack, content []byte) error {
	err := w.to.Put(ctx, pack.Name, content)
	if errors.Is(err, fs.ErrExist) && Verify(ctx, w.to, pack) == nil {
		return nil
	}
	return err
}

// Close stores the last pack, waits until all are stored and durable, and names them. When ctx ends, it ends what is being stored.
func (w *Writer) Close(ctx context.Context) ([]Pack, error) {
	defer context.AfterFunc(ctx, func() { w.fail(context.Cause(ctx)) })()
	if context.Cause(w.life) == nil {
		w.flush(ctx)
	}
	w.running.Wait()
	if err := context.Cause(w.life); err != nil {
		return nil, err
	}
	w.fail(errClosed)
	packs := make([]Pack, len(w.packs))
	for i, pack := range w.packs {
		packs[i] = *pack
	}
	return packs, nil
}

// errDiscarded ends what is being stored.
var errDiscarded = errors.New("the packs are discarded")

// Discard ends what is being stored, and removes from the store what was, also behind a Close. What a killed process has stored remains there.
func (w *Writer) Discard(ctx context.Context) error {
	w.fail(errDiscarded)
	w.running.Wait()
	var errs []error
	for _, pack := range w.packs {
		if err := w.to.Remove(ctx, pack.Name); err != nil {
			errs = append(errs, fmt.Errorf("remove the pack %s: %w", pack.Name, err))
		}
	}
	return errors.Join(errs...)
}
