package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/synapsedb/synapse/backup/pack"
)

// prior is what is known of the backup before.
type prior struct {
	list *packList
	root *os.Root // of the folder that has its list of media
	name string   // of that list
}

func (p *prior) media() iter.Seq2[Medium, error] { return readMedia(p.root, p.name) }

func (p *prior) close() error {
	if p == nil {
		return nil
	}
	return p.root.Close()
}

// before has those that are known on this machine, or else those of the newest backup, if it can be read.
func (s *packSink) before(ctx context.Context, log *slog.Logger) iter.Seq2[Medium, error] {
	if !s.looked {
		s.looked = true
		if err := s.look(ctx, log); err != nil {
			log.Warn("the backup before is not known, so all media are stored anew", "error", err)
		}
	}
	if s.known == nil {
		return func(func(Medium, error) bool) {}
	}
	return readable(s.known.media(), s.known.list.ID, log)
}

// look finds what is known, and takes it over as far as it is in the store.
func (s *packSink) look(ctx context.Context, log *slog.Logger) error {
	if s.newest == "" {
		return nil
	}
	cached, err := s.cached()
	if err != nil {
		log.Warn("what is known of media on this machine cannot be read", "cache", s.options.Cache, "error", err)
	}
	if (cached == nil || cached.list.ID != s.newest) && s.of.CanRead() {
		fetched, err := s.fetchList(ctx)
		if err == nil {
			err = cached.close()
			cached = fetched
		}
		if err != nil {
			log.Warn("the list of media of the backup before cannot be read", "backup", s.newest, "error", err)
		}
	}
	if cached == nil {
		return errors.New("nothing of it is kept on this machine, and it cannot be read without a key")
	}
	s.known = cached
	there, err := s.of.sound(ctx)
	if err != nil {
		return err
	}
	return s.media.takeOver(ctx, cached, there)
}

// sizes are those of all packs in the store.
func (p *Packed) sizes(ctx context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	for file, err := range p.store.List(ctx, pack.Folder+"/") {
		if err != nil {
			return nil, fmt.Errorf("list the packs: %w", err)
		}
		sizes[file.Name] = file.Size
	}
	return sizes, nil
}

// sound are those of packs that were not found damaged.
func (p *Packed) sound(ctx context.Context) (map[string]int64, error) {
	sizes, err := p.sizes(ctx)
	if err != nil {
		return nil, err
	}
	for file, err := range p.store.List(ctx, damagedFolder+"/") {
		if err != nil {
			return nil, fmt.Errorf("list the damaged packs: %w", err)
		}
		delete(sizes, packNamed(path.Base(file.Name)))
	}
	return sizes, nil
}

// fetchList brings the list of media of the newest backup into the staging folder.
func (s *packSink) fetchList(ctx context.Context) (*prior, error) {
	b, err := s.of.Open(ctx, s.newest)
	if err != nil {
		return nil, err
	}
	if b.Manifest.Media.List == nil {
		return nil, &DamagedError{Name: manifestName, What: "it has no list of media"}
	}
	root, err := s.folder.root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	f := &fetching{of: s.of, list: b.list, into: root}
	f.want(b.Manifest.ID, *b.Manifest.Media.List)
	if err := f.run(ctx, nil); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &prior{list: b.list, root: root, name: below(b.Manifest.ID, listName)}, nil
}

// What a content takes in a pack besides its size, in bytes: a header, and half a block as a rule. And what a pack may have of zeros at its end.
const (
	memberBytes  = 768
	paddingBytes = 1 << 20
)

// takeOver takes down the contents of the backup before that are in the store. Those in packs of which less than half is live are stored anew,
// so that the packs can be removed one day.
func (p *packing) takeOver(ctx context.Context, before *prior, there map[string]int64) error {
	p.old = before.list.Packs
	p.used = make([]bool, len(p.old))
	live := make([]int64, len(p.old))
	for medium, err := range before.media() {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		p.takeDown(&medium, there, live)
	}
	for sum, places := range p.known {
		for _, place := range places.places() {
			if size := p.old[place].Size; live[place] < (size-paddingBytes)/2 {
				delete(p.known, sum)
			}
		}
	}
	return nil
}

func (p *packing) takeDown(medium *Medium, there map[string]int64, live []int64) {
	short := binary(medium.SHA256)
	if _, isKnown := p.known[short]; isKnown {
		return
	}
	places, inRow := spanOf(medium.Packs)
	if !inRow || places.first < 0 || int(places.first+places.count) > len(p.old) {
		return
	}
	for _, place := range medium.Packs {
		if size, isThere := there[p.old[place].Name]; !isThere || size != p.old[place].Size {
			return
		}
	}
	p.known[short] = places
	for _, place := range medium.Packs {
		live[place] += medium.Size/int64(len(medium.Packs)) + memberBytes
	}
}

// The cache has two files for the last backup, whose names begin with its ID.
const (
	cachedPacks = "." + packsName
	cachedList  = "." + listName
)

func (s *packSink) cacheFolder() string { return filepath.Join(s.options.Cache, s.of.described.ID) }

// cached is nil when nothing is kept on this machine.
func (s *packSink) cached() (_ *prior, err error) {
	if s.options.Cache == "" {
		return nil, nil //nolint:nilnil // nothing kept is no error
	}
	root, err := os.OpenRoot(s.cacheFolder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing kept is no error
	}
	if err != nil {
		return nil, err
	}
	p := &prior{root: root}
	if err := p.find(); err != nil || p.list == nil {
		return nil, errors.Join(err, root.Close())
	}
	return p, nil
}

// find reads what is kept of the last backup.
func (p *prior) find() error {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries { // in the order of their names, so that the newest comes last
		id, isPacks := strings.CutSuffix(entry.Name(), cachedPacks)
		if !isPacks || !validID(id) {
			continue
		}
		content, err := p.root.ReadFile(entry.Name())
		if err != nil {
			return err
		}
		if p.list, err = parsePacks(content, id); err != nil {
			return err
		}
		p.name = id + cachedList
	}
	return nil
}

// remember keeps what the next backup has to know. The list comes first, whole, and what is older goes last.
func (s *packSink) remember(packs []byte) error {
	if s.options.Cache == "" {
		return nil
	}
	if err := os.MkdirAll(s.cacheFolder(), 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.cacheFolder())
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // what was written is synced
	list, err := s.folder.root.Open(listName)
	if err != nil {
		return err
	}
	defer list.Close()
	if err := keepWhole(root, s.id+cachedList, func(name string) error {
		_, err := storeCopy(context.Background(), root, name, list, nil)
		return err
	}); err != nil {
		return err
	}
	if err := keepWhole(root, s.id+cachedPacks, func(name string) error { return writeSynced(root, name, packs) }); err != nil {
		return err
	}
	return s.forget(root)
}

// keepWhole has a file appear whole.
func keepWhole(root *os.Root, name string, write func(unfinished string) error) error {
	unfinished := partialBegins + chance(8)
	if err := write(unfinished); err != nil {
		return errors.Join(err, unlessMissing(root.Remove(unfinished)))
	}
	if err := syncFile(root, unfinished, false); err != nil {
		return err
	}
	return root.Rename(unfinished, name)
}

// forget removes everything but what is kept of this backup.
func (s *packSink) forget(root *os.Root) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), s.id) {
			if err := root.RemoveAll(entry.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
