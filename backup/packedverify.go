package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/phases"
)

// PackedVerifyOptions say how much is looked at.
type PackedVerifyOptions struct {
	VerifyOptions

	// Staging is the folder in which one for lists is made; empty is the system's folder for temporary files.
	Staging string
}

// Verify reads all packs of a backup and compares them with their sums; with a key, each file in them with its own sum too. What is wrong is in the
// report; an error is about reading itself. What was found is noted in the repository, if it can be written to.
func (p *Packed) Verify(ctx context.Context, id string, options PackedVerifyOptions) (_ *Verified, err error) {
	id, err = p.find(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := p.packs(ctx, id)
	if err != nil {
		return nil, err
	}
	v := &packedVerification{of: p, list: list, options: options, report: &Verified{ID: id, Damaged: []string{}}, meter: newMeter(options.Progress)}
	if p.CanRead() {
		err = v.whole(ctx)
	} else {
		err = v.sums(ctx)
	}
	if len(v.report.Damaged) > 0 {
		err = p.removed(ctx, id, err)
	}
	if err != nil {
		return v.report, err
	}
	err = v.noteResult(ctx)
	v.report.Noted = err == nil
	if err != nil && isDenied(err) {
		err = nil
	}
	return v.report, err
}

// removed tells what looks like damage from a backup that another process has removed meanwhile: who only reads has no lock.
func (p *Packed) removed(ctx context.Context, id string, err error) error {
	_, missing := p.packs(ctx, id)
	if notFound, isNotFound := errors.AsType[*NotFoundError](missing); isNotFound {
		return notFound
	}
	return err
}

type packedVerification struct {
	of      *Packed
	list    *packList
	options PackedVerifyOptions
	report  *Verified
	meter   *phases.Meter[step]
	damaged []pack.Pack
	backup  *PackedBackup
	staged  *Fetched
	wanted  *fetching
	joining map[string]*joined
	there   map[[sha256.Size]byte]struct{} // contents that were found whole
	files   map[string]struct{}            // and files
}

// joined is a file of which parts were read.
type joined struct {
	summing

	part int
}

// damage notes it; another error ends the work.
func (v *packedVerification) damage(err error) error {
	damaged, isDamaged := errors.AsType[*DamagedError](err)
	if !isDamaged {
		return err
	}
	v.report.damage(damaged)
	return nil
}

func (v *packedVerification) begin() {
	var bytes int64
	for _, one := range v.list.Packs {
		bytes += one.Size
	}
	v.meter.Enter(at(PhaseProof, ""), bytes)
}

// took counts a pack that was read.
func (v *packedVerification) took(one pack.Pack) {
	v.report.Packs++
	v.report.Bytes += one.Size
	v.meter.Add(one.Size)
}

// sums is what can be done without a key.
func (v *packedVerification) sums(ctx context.Context) error {
	v.begin()
	content, err := v.of.read(ctx, v.list.Manifest.Name)
	if err := v.damage(judge(stored(v.list.Manifest), storedAs(v.list.Manifest.Name, content), err)); err != nil {
		return err
	}
	v.report.Bytes += int64(len(content))
	for _, one := range v.list.Packs {
		if err := v.pack(unsealed(one.Name, pack.Verify(ctx, v.of.store, one)), one); err != nil {
			return err
		}
	}
	return nil
}

// pack takes down what was found of one.
func (v *packedVerification) pack(err error, one pack.Pack) error {
	v.took(one)
	if _, isDamaged := errors.AsType[*DamagedError](err); isDamaged {
		v.damaged = append(v.damaged, one)
	}
	return v.damage(err)
}

// whole reads everything. The lists that tell what there has to be are fetched first.
func (v *packedVerification) whole(ctx context.Context) (err error) {
	if v.backup, err = v.of.Open(ctx, v.list.ID); err != nil {
		if err := v.damage(err); err != nil {
			return err
		}
		return v.sums(ctx)
	}
	folder, err := makeOwnStaging(v.options.Staging)
	if err != nil {
		return refuse(StagingUnfit, fmt.Sprintf("there is no folder for what has to be read: %v", err), "name one that can be written to: --staging")
	}
	defer func() { err = errors.Join(err, folder.remove()) }()
	path := filepath.Join(folder.path, "repository")
	repository, err := MakeRepository(path)
	if err != nil {
		return err
	}
	v.staged = &Fetched{Repository: repository, ID: v.list.ID, Path: path}
	defer func() { err = errors.Join(err, repository.Close()) }()
	if err := v.damage(v.stage(ctx)); err != nil {
		return err
	}
	if err := v.members(ctx); err != nil {
		return err
	}
	if v.options.PgRestore == "" || len(v.report.Damaged) > 0 {
		return nil
	}
	return v.dumps(ctx)
}

// tableOfContents is the file of a dump that pg_restore reads to list it.
const tableOfContents = "toc.dat"

// stage fetches the list of media, and what pg_restore has to read.
func (v *packedVerification) stage(ctx context.Context) error {
	id, manifest := v.list.ID, v.backup.Manifest
	f := &fetching{of: v.of, list: v.list, into: v.staged.root}
	v.wanted = &fetching{of: v.of, list: v.list}
	v.wanted.want(id, manifest.stored()...)
	for _, one := range manifest.stored() {
		if path.Base(one.Name) == tableOfContents || one.Name == listName {
			f.want(id, one)
		}
	}
	if err := f.run(ctx, nil); err != nil {
		return err
	}
	if manifest.Media.List == nil {
		return nil
	}
	if err := checkStored(ctx, v.staged.root, f.files[below(id, listName)], nil); err != nil {
		return err
	}
	var files, bytes int64
	for medium, err := range readMedia(v.staged.root, below(id, listName)) {
		if err == nil {
			err = v.backup.placed(medium.Path, medium.Packs)
		}
		if err == nil {
			err = v.wanted.wantContent(&medium)
		}
		if err != nil {
			return err
		}
		files, bytes = files+1, bytes+medium.Size
	}
	if files != manifest.Media.Files || bytes != manifest.Media.Bytes {
		return &DamagedError{Name: listName, What: fmt.Sprintf("it lists %d files with %d bytes, and the manifest counts %d with %d", files, bytes, manifest.Media.Files, manifest.Media.Bytes)}
	}
	return nil
}

// members reads the packs, and sums each file in them that the backup has.
func (v *packedVerification) members(ctx context.Context) error {
	v.begin()
	v.joining, v.there, v.files = map[string]*joined{}, map[[sha256.Size]byte]struct{}{}, map[string]struct{}{}
	place := 0
	for members, err := range pack.All(ctx, v.of.store, v.list.Packs, v.of.identities(), readers) {
		if err := v.pack(unsealed(v.list.Packs[place].Name, err), v.list.Packs[place]); err != nil {
			return err
		}
		for _, member := range members {
			if wanted, ok := v.wanted.find(member.Name, place); ok {
				v.member(member, wanted)
			}
		}
		place++
	}
	return v.absent()
}

// member takes down a file that has all its parts, and the right sum.
func (v *packedVerification) member(member pack.Member, wanted Stored) {
	file := v.joining[member.Name]
	switch {
	case member.Part <= 1:
		file = &joined{summing: *newSumming(io.Discard), part: member.Part}
		v.joining[member.Name] = file
	case file == nil || member.Part != file.part+1:
		return
	}
	file.part = member.Part
	_, _ = file.Write(member.Content) // to nowhere
	if file.size < wanted.Size {
		return
	}
	delete(v.joining, member.Name)
	if file.size != wanted.Size || file.sum() != wanted.SHA256 {
		return
	}
	v.report.Files++
	if _, isFile := v.wanted.files[member.Name]; isFile {
		v.files[member.Name] = struct{}{}
	} else {
		v.there[binary(wanted.SHA256)] = struct{}{}
	}
}

// absent names what was not found whole.
func (v *packedVerification) absent() error {
	const what = "it is not whole in its packs"
	for name := range v.wanted.files {
		if _, isThere := v.files[name]; !isThere {
			if err := v.damage(&DamagedError{Name: strings.TrimPrefix(name, below(v.list.ID, "")), What: what}); err != nil {
				return err
			}
		}
	}
	for short := range v.wanted.contents {
		if _, isThere := v.there[short]; !isThere {
			if err := v.damage(&DamagedError{Name: object(hex.EncodeToString(short[:])), What: what}); err != nil {
				return err
			}
		}
	}
	return nil
}

// dumps has pg_restore read what each dump holds.
func (v *packedVerification) dumps(ctx context.Context) (err error) {
	hasDump := false
	for _, database := range v.backup.Manifest.Databases {
		hasDump = hasDump || database.Engine == string(engine.Postgres)
	}
	if !hasDump {
		return nil
	}
	if err := v.staged.complete(v.backup); err != nil {
		return err
	}
	opened, err := v.staged.Open(v.list.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	plain := &verification{backup: opened, report: v.report, meter: v.meter}
	return plain.dumps(ctx, v.options.PgRestore)
}

// noteResult writes down that the backup is whole, or which packs are not, so that the next backup does without what they hold.
func (v *packedVerification) noteResult(ctx context.Context) error {
	name := below(v.list.ID, verifiedName)
	if err := v.of.store.Remove(ctx, name); err != nil {
		return err
	}
	for _, one := range v.damaged {
		err := v.of.store.Put(ctx, damagedFolder+"/"+path.Base(one.Name), []byte("damaged\n"))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if len(v.report.Damaged) > 0 {
		return nil
	}
	content, err := json.Marshal(verified{At: time.Now().UTC(), Manifest: v.list.Manifest.SHA256})
	if err != nil {
		return err
	}
	err = v.of.store.Put(ctx, name, append(content, '\n'))
	if errors.Is(err, fs.ErrExist) { // another process has verified it meanwhile
		return nil
	}
	return err
}

// wasVerified reports whether the backup was found whole as it is.
func (p *Packed) wasVerified(ctx context.Context, list *packList) bool {
	content, err := p.read(ctx, below(list.ID, verifiedName))
	note := verified{}
	return err == nil && json.Unmarshal(content, &note) == nil && note.Manifest == list.Manifest.SHA256
}
