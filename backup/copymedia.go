package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/media"
)

// rowsName is the list of the files that rows name, as long as a backup is made.
const rowsName = "rows.jsonl.zst"

// listRows writes down the files that the rows of the snapshot name, so that the snapshot need not be held while media are copied.
func (c *creation) listRows(ctx context.Context, from engine.Querier, stores []string) (err error) {
	if !slices.Contains(stores, "main") {
		return nil
	}
	list, err := writeLines(c.folder, rowsName)
	if err != nil {
		return err
	}
	defer func() {
		_, closed := list.close(rowsName)
		err = errors.Join(err, closed)
	}()
	for _, kind := range c.kinds() {
		without, err := media.Named(ctx, from, kind, func(row media.Row) error { return list.write(row) })
		if err != nil {
			return err
		}
		c.manifest.Media.Without += without
	}
	return nil
}

// mostExamples is how many files are named that are not as their rows say.
const mostExamples = 20

func (m *Media) example(path, what string) {
	if len(m.Examples) < mostExamples {
		m.Examples = append(m.Examples, path+": "+what)
	}
}

// copying merges the files of the media store with the rows and with the list of the backup before, which all come in one order.
type copying struct {
	*creation

	store  *os.Root
	list   *lineWriter
	rows   *stream[media.Row]
	before *stream[Medium]
	turns  *turns
	// counting is of the manifest's part about media.
	counting sync.Mutex
}

// stream is a sequence of which the next element can be looked at.
type stream[T any] struct {
	next func() (T, error, bool)
	stop func()
	path func(T) []string
	now  *T // nil behind the last
}

func newStream[T any](from iter.Seq2[T, error], path func(T) []string) (*stream[T], error) {
	s := &stream[T]{path: path}
	s.next, s.stop = iter.Pull2(ahead(from))
	return s, s.advance()
}

func (s *stream[T]) advance() error {
	value, err, more := s.next()
	s.now = nil
	if more && err == nil {
		s.now = &value
	}
	return err
}

// reach leaves behind what comes before a path, and gives what is there, or nil.
func (s *stream[T]) reach(path []string, passed func(T)) (*T, error) {
	for s.now != nil {
		switch order := slices.Compare(s.path(*s.now), path); {
		case order > 0:
			return nil, nil //nolint:nilnil // there is none, and that is no error
		case order == 0:
			return s.now, nil
		}
		if passed != nil {
			passed(*s.now)
		}
		if err := s.advance(); err != nil {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}

func rowPath(row media.Row) []string    { return row.Path }
func mediumPath(medium Medium) []string { return strings.Split(medium.Path, "/") }

// copyMedia takes all files of the chosen folders: those that no row names too, since a row may come a moment later.
func (c *creation) copyMedia(ctx context.Context) (err error) {
	m := &c.manifest.Media
	m.Path, m.Kinds = c.options.Config.MediaStorePath, c.kinds()
	m.Owner, m.Group = -1, -1
	c.meter.Enter(at(PhaseMedia, ""), c.coming.bytes)
	k := &copying{creation: c}
	if k.store, err = os.OpenRoot(m.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if k.store != nil {
		defer func() { _ = k.store.Close() }() // only read
		info, err := k.store.Stat(".")
		if err != nil {
			return err
		}
		m.Owner, m.Group = owners(info)
	}
	if k.list, err = writeLines(c.folder, listName); err != nil {
		return err
	}
	err = k.all(ctx)
	stored, closed := k.list.close(listName)
	if err := errors.Join(err, closed); err != nil {
		return err
	}
	m.List = &stored
	if err := c.to.take(ctx, m.List, nil); err != nil {
		return err
	}
	return unlessMissing(c.folder.Remove(rowsName))
}

func (k *copying) all(ctx context.Context) (err error) {
	if k.rows, err = newStream(readLines[media.Row](k.folder, rowsName), rowPath); err != nil {
		return err
	}
	defer k.rows.stop()
	if k.before, err = newStream(k.to.before(ctx, k.options.Log), mediumPath); err != nil {
		return err
	}
	defer k.before.stop()
	copying, turns := newTurns(ctx, k.to.together(), k.content, k.done)
	k.turns = turns
	if err := turns.end(k.walk(copying)); err != nil {
		return err
	}
	if _, err := k.rows.reach([]string{"\xff"}, k.without); err != nil {
		return err
	}
	return k.to.flush(ctx)
}

// walk gives all files to those who read them.
func (k *copying) walk(ctx context.Context) error {
	for _, kind := range k.kinds() {
		if k.store == nil {
			break
		}
		for file, err := range ahead(media.Walk(ctx, k.store, kind)) {
			if err == nil {
				err = k.file(ctx, file)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Media are the files of the media store that a backup holds, in the order of their paths. The error may be a *DamagedError.
func (b *Backup) Media() iter.Seq2[Medium, error] {
	if b.Manifest.Media.List == nil {
		return func(func(Medium, error) bool) {}
	}
	return readMedia(b.root, listName)
}

// readMedia reads a list of media.
func readMedia(folder *os.Root, name string) iter.Seq2[Medium, error] {
	return func(yield func(Medium, error) bool) {
		for medium, err := range readLines[Medium](folder, name) {
			if err == nil {
				err = medium.check()
			}
			if !yield(medium, err) || err != nil {
				return
			}
		}
	}
}

// check refuses a path that leads out of the media store, and what is no checksum.
func (m *Medium) check() error {
	if _, isKind := media.KindOf(m.Path); !isKind || !inside(m.Path) || !sumForm.MatchString(m.SHA256) || m.Size < 0 {
		return &DamagedError{Name: listName, What: fmt.Sprintf("the entry of %q is not of a media store", m.Path)}
	}
	return nil
}

// without notes a row whose file is not there.
func (k *copying) without(row media.Row) {
	k.counting.Lock()
	defer k.counting.Unlock()
	k.manifest.Media.Without++
	k.manifest.Media.example(strings.Join(row.Path, "/"), "a row names it, and it is not there")
}

// file takes a file down, in its turn, when its content is there.
func (k *copying) file(ctx context.Context, file media.File) error {
	path := strings.Join(file.Path, "/")
	row, err := k.rows.reach(file.Path, k.without)
	if err != nil {
		return err
	}
	if file.Closed == "" && !inside(path) {
		file.Closed = "its name cannot be restored everywhere"
	}
	if file.Closed != "" {
		k.counting.Lock()
		defer k.counting.Unlock()
		k.manifest.Media.Closed++
		k.manifest.Media.example(path, "it is not looked into: "+file.Closed)
		return nil
	}
	work, err := k.begin(file, path)
	if err != nil || work == nil {
		return err
	}
	if row != nil {
		named := *row
		work.row = &named
		if err := k.rows.advance(); err != nil {
			return err
		}
	}
	return k.turns.hand(ctx, work)
}

// begin finds out whether a file has to be read: not when path, size and time are those of the backup before and the repository has it. It is nil when the
// file was deleted meanwhile.
func (k *copying) begin(file media.File, path string) (*copyWork, error) {
	work := &copyWork{medium: Medium{Path: path, Size: file.Size, Modified: file.Modified.UnixNano()}}
	known, err := k.before.reach(file.Path, nil)
	if err != nil {
		return nil, err
	}
	if known.is(file) && k.to.keep(known) {
		work.medium.SHA256, work.medium.Packs = known.SHA256, known.Packs
		return work, nil
	}
	work.from, err = k.store.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return work, err
}

// content has the content of a file stored. Several goroutines do so.
func (k *copying) content(ctx context.Context, work *copyWork) error {
	defer work.from.Close()
	stored, isNew, err := k.to.add(ctx, work.from, k.meter.Add)
	work.medium.Size, work.medium.SHA256, work.medium.Packs = stored.Size, stored.SHA256, stored.Packs
	work.isNew = isNew
	return err
}

// done counts a file and writes it into the list.
func (k *copying) done(work *copyWork) error {
	k.counting.Lock()
	defer k.counting.Unlock()
	m := &k.manifest.Media
	k.compare(&work.medium, work.row)
	m.Files++
	m.Bytes += work.medium.Size
	if work.from != nil {
		m.Read++
	}
	if work.isNew {
		m.NewFiles++
		m.NewBytes += work.medium.Size
	}
	return k.list.write(&work.medium)
}

// compare looks whether a file is what its row says.
func (k *copying) compare(medium *Medium, row *media.Row) {
	m := &k.manifest.Media
	medium.Row = row != nil
	switch {
	case row == nil:
		m.Unnamed++
	case row.Size >= 0 && row.Size != medium.Size:
		m.Differing++
		m.example(medium.Path, fmt.Sprintf("it has %d bytes, and its row says %d", medium.Size, row.Size))
	case row.SHA256 != "" && !strings.EqualFold(row.SHA256, medium.SHA256):
		m.Differing++
		m.example(medium.Path, "its SHA-256 is not what its row says")
	}
}
