package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/phases"
)

// FetchOptions say what of a backup is brought to this machine, and where to.
type FetchOptions struct {
	// Backup is the ID; the newest when empty.
	Backup string
	// Staging is the folder in which one for this backup is made; empty is the system's folder for temporary files.
	Staging string
	// Only are the parts to fetch; nil is all. Configuration is always fetched.
	Only []Part
	// Progress may be nil.
	Progress func(Progress)
}

// Fetched is a plain repository with one backup, of which it has the parts that were fetched.
type Fetched struct {
	*Repository

	// ID is the backup's.
	ID string
	// Path is the repository's folder.
	Path string
}

// Remove closes the repository and removes it.
func (f *Fetched) Remove() error {
	return errors.Join(f.Close(), removeStaging(f.Path))
}

const stagingBegins = "synapse-restore-"

// Fetch brings a backup to this machine, as a plain repository for Restore. What a stopped call has fetched is not fetched again. Its errors: *NotFoundError,
// *DamagedError, *FormatError, and *RefusedError without a key that fits, without room, or while another process fetches the same.
func (p *Packed) Fetch(ctx context.Context, options FetchOptions) (_ *Fetched, err error) {
	meter := newMeter(options.Progress)
	meter.Enter(at(PhaseCheck, ""), 0)
	b, err := p.Open(ctx, options.Backup)
	if err != nil {
		return nil, err
	}
	fetched, err := openStaging(options.Staging, b.Manifest.ID)
	if err != nil {
		return nil, err
	}
	if err := p.fetch(ctx, b, fetched, options.Only, meter); err != nil {
		return nil, errors.Join(p.removed(ctx, b.Manifest.ID, err), fetched.Close())
	}
	return fetched, nil
}

// openStaging makes the folder for a backup, or opens that of a stopped process. Others can make a folder with its name where everybody may write:
// only one that is this user's, and private, is taken.
func openStaging(below, id string) (*Fetched, error) {
	if below == "" {
		below = os.TempDir()
	}
	path, err := filepath.Abs(filepath.Join(below, stagingBegins+id))
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, refuse(StagingUnfit, fmt.Sprintf("there is no folder to which the backup can be fetched: %v", err), "name one that can be written to: --staging")
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() || !isOurs(info) || !isPrivate(info) {
		return nil, refuse(StagingUnfit, path+" is not a folder that only this user can read", "remove it, or name another folder: --staging")
	}
	repository, err := MakeRepository(path)
	if err != nil {
		return nil, err
	}
	if err := repository.lock(true); err != nil {
		return nil, errors.Join(err, repository.Close())
	}
	repository.fetched = true
	return &Fetched{Repository: repository, ID: id, Path: path}, nil
}

func (p *Packed) fetch(ctx context.Context, b *PackedBackup, into *Fetched, only []Part, meter *phases.Meter[step]) error {
	manifest := b.Manifest
	wants := func(part Part) bool { return len(only) == 0 || slices.Contains(only, part) }
	f := &fetching{of: p, list: b.list, into: into.root}
	for _, file := range manifest.Files {
		f.want(manifest.ID, file.Stored)
	}
	for _, database := range manifest.Databases {
		if wants(PartDatabase) {
			f.want(manifest.ID, database.Files...)
		}
	}
	if manifest.Media.List != nil && wants(PartMedia) {
		f.want(manifest.ID, *manifest.Media.List)
	}
	if err := f.run(ctx, meter); err != nil {
		return err
	}
	if manifest.Media.List != nil && wants(PartMedia) {
		if err := p.fetchMedia(ctx, b, into.root, meter); err != nil {
			return err
		}
	}
	return into.complete(b)
}

// fetchMedia reads the list, which is there then.
func (p *Packed) fetchMedia(ctx context.Context, b *PackedBackup, into *os.Root, meter *phases.Meter[step]) error {
	f := &fetching{of: p, list: b.list, into: into}
	for medium, err := range readMedia(into, below(b.Manifest.ID, listName)) {
		if err == nil {
			err = b.placed(medium.Path, medium.Packs)
		}
		if err == nil {
			err = f.wantContent(&medium)
		}
		if err != nil {
			return err
		}
	}
	return f.run(ctx, meter)
}

// complete writes the manifest, by which it is a backup of the plain repository.
func (f *Fetched) complete(b *PackedBackup) error {
	folder, err := f.root.OpenRoot(backupsFolder + "/" + f.ID)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // what was written is synced
	for _, name := range []string{manifestName, sumName} {
		if err := unlessMissing(folder.Remove(name)); err != nil {
			return err
		}
	}
	if err := writeSynced(folder, sumName, []byte(sumLine(b.Sum))); err != nil {
		return err
	}
	return writeSynced(folder, manifestName, b.content)
}

// fetching brings files from packs into a folder, under the names that they have in packs.
type fetching struct {
	of       *Packed
	list     *packList
	into     *os.Root
	files    map[string]Stored
	contents map[[sha256.Size]byte]contentPlace
}

// contentPlace is where a content of media is.
type contentPlace struct {
	size  int64
	packs span
}

// want takes down files of a backup.
func (f *fetching) want(id string, files ...Stored) {
	if f.files == nil {
		f.files = map[string]Stored{}
	}
	for _, file := range files {
		file.Name = below(id, file.Name)
		f.files[file.Name] = file
	}
}

func (f *fetching) wantContent(medium *Medium) error {
	if f.contents == nil {
		f.contents = map[[sha256.Size]byte]contentPlace{}
	}
	places, inRow := spanOf(medium.Packs)
	if !inRow {
		return &DamagedError{Name: listName, What: medium.Path + " is in no packs, or not in a row of them"}
	}
	f.contents[binary(medium.SHA256)] = contentPlace{size: medium.Size, packs: places}
	return nil
}

// find tells of a member whether it is wanted from a pack. The store may have the same content a second time, in another pack that is not meant.
func (f *fetching) find(member string, place int) (wanted Stored, ok bool) {
	if file, isFile := f.files[member]; isFile {
		return file, slices.Contains(file.Packs, place)
	}
	sum := path.Base(member)
	if !strings.HasPrefix(member, objectsFolder+"/") || !sumForm.MatchString(sum) || object(sum) != member {
		return wanted, false
	}
	content, isContent := f.contents[binary(sum)]
	isHere := place >= int(content.packs.first) && place < int(content.packs.first+content.packs.count)
	return Stored{Name: member, Size: content.size, SHA256: sum}, isContent && isHere
}

// readers is how many packs are read at a time.
const readers = 4

// run fetches what is not there yet.
func (f *fetching) run(ctx context.Context, meter *phases.Meter[step]) error {
	needed, bytes, err := f.missing(ctx)
	if err != nil || len(needed) == 0 {
		return err
	}
	if free, known := engine.FreeSpace(f.into.Name()); known && free < bytes {
		return refuse(SpaceMissing, fmt.Sprintf("%d MB are fetched to %s, and %d MB are free", bytes>>20, f.into.Name(), free>>20), "make room, or name another folder: --staging")
	}
	took := func(int64) {}
	if meter != nil {
		meter.Enter(at(PhaseFetch, ""), bytes)
		took = meter.Add
	}
	if err := f.join(ctx, needed, took); err != nil {
		return err
	}
	return f.allThere()
}

// join reads the packs, and makes files of what they hold.
func (f *fetching) join(ctx context.Context, places []int, took func(int64)) error {
	packs := make([]pack.Pack, len(places))
	for i, place := range places {
		packs[i] = f.list.Packs[place]
	}
	var place int
	joiner := pack.NewJoiner(f.into, func(member string) (int64, bool) {
		wanted, ok := f.find(member, place)
		return wanted.Size, ok
	})
	at := 0
	for members, err := range pack.All(ctx, f.of.store, packs, f.of.identities(), readers) {
		if err != nil {
			return errors.Join(unsealed(packs[at].Name, err), dropped(joiner))
		}
		place = places[at]
		at++
		for _, member := range members {
			if _, ok := f.find(member.Name, place); !ok {
				continue
			}
			if err := joiner.Take(member.Name, member.Part, member.Content); err != nil {
				return errors.Join(unsealed(member.Name, err), dropped(joiner))
			}
			took(int64(len(member.Content)))
		}
	}
	var incomplete *pack.IncompleteError
	if err := joiner.Close(); errors.As(err, &incomplete) {
		return &DamagedError{Name: incomplete.Names[0], What: "parts of it are missing"}
	} else if err != nil {
		return err
	}
	return nil
}

// dropped ends a joiner behind another error; that something is incomplete then says nothing.
func dropped(joiner *pack.Joiner) error {
	var incomplete *pack.IncompleteError
	if err := joiner.Close(); err != nil && !errors.As(err, &incomplete) {
		return err
	}
	return nil
}

// identities are nil when the repository is not encrypted.
func (p *Packed) identities() []age.Identity {
	if !p.described.Encrypted {
		return nil
	}
	if p.keys.Identities == nil {
		return []age.Identity{}
	}
	return p.keys.Identities
}

// missing are the packs that are needed for what is not there whole, and how many bytes that is. What a killed process has left may have any content.
func (f *fetching) missing(ctx context.Context) (places []int, bytes int64, err error) {
	needed := make([]bool, len(f.list.Packs))
	look := func(wanted Stored, packs []int) error {
		err := checkStored(ctx, f.into, wanted, nil)
		if _, isDamaged := errors.AsType[*DamagedError](err); !isDamaged {
			return err
		}
		if err := unlessMissing(f.into.Remove(wanted.Name)); err != nil {
			return err
		}
		bytes += wanted.Size
		for _, place := range packs {
			needed[place] = true
		}
		return nil
	}
	for _, file := range f.files {
		if err := look(file, file.Packs); err != nil {
			return nil, 0, err
		}
	}
	for short, content := range f.contents {
		sum := hex.EncodeToString(short[:])
		if err := look(Stored{Name: object(sum), Size: content.size, SHA256: sum}, content.packs.places()); err != nil {
			return nil, 0, err
		}
	}
	for place, isNeeded := range needed {
		if isNeeded {
			places = append(places, place)
		}
	}
	return places, bytes, nil
}

// allThere looks that the packs held what they should have. Restore compares sums.
func (f *fetching) allThere() error {
	for name := range f.files {
		if _, err := f.into.Lstat(name); err != nil {
			return judge(Stored{Name: name}, Stored{}, err)
		}
	}
	for short := range f.contents {
		name := object(hex.EncodeToString(short[:]))
		if _, err := f.into.Lstat(name); err != nil {
			return judge(Stored{Name: name}, Stored{}, err)
		}
	}
	return nil
}
