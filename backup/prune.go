package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// PruneOptions say what is removed.
type PruneOptions struct {
	Policy Policy
	// DryRun only says what would be removed.
	DryRun bool
	// Progress may be nil.
	Progress func(Progress)
}

// Pruned is what was removed, or would be.
type Pruned struct {
	Kept    []string `json:"kept"`
	Removed []string `json:"removed"`
	// MediaFiles and MediaBytes are contents of media that no backup has any more.
	MediaFiles int64 `json:"media_files"`
	MediaBytes int64 `json:"media_bytes"`
	// Packs and PackBytes are those of a packed repository that no backup has any more.
	Packs     int64 `json:"packs"`
	PackBytes int64 `json:"pack_bytes"`
}

// verifiedName is the file in the folder of a backup that says when it was last read whole.
const verifiedName = "verified.json"

// verified is its content.
type verified struct {
	At       time.Time `json:"at"`
	Manifest string    `json:"manifest"` // its SHA-256 at that time
}

// noteVerified writes down that a backup was read whole.
func (b *Backup) noteVerified(at time.Time) error {
	content, err := json.Marshal(verified{At: at.UTC(), Manifest: b.Sum})
	if err != nil {
		return err
	}
	unfinished := verifiedName + "-" + chance(8)
	if err := writeSynced(b.root, unfinished, append(content, '\n')); err != nil {
		return err
	}
	return b.root.Rename(unfinished, verifiedName)
}

// forgetVerified takes that back: the backup is damaged now.
func (b *Backup) forgetVerified() error { return unlessMissing(b.root.Remove(verifiedName)) }

func unlessReadOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
		return nil
	}
	return err
}

// wasVerified reports whether the backup was read whole as it is.
func (b *Backup) wasVerified() bool {
	content, err := b.root.ReadFile(verifiedName)
	note := verified{}
	return err == nil && json.Unmarshal(content, &note) == nil && note.Manifest == b.Sum
}

// pruning is one run.
type pruning struct {
	of      *Repository
	options PruneOptions
	report  *Pruned
	kept    []*Backup
}

// Prune removes the backups that a policy does not keep, and contents of media that no backup has. The newest backup that was verified is
// always kept; without one, the newest. When a manifest cannot be read it refuses, since it could not tell what that backup needs.
func (r *Repository) Prune(ctx context.Context, options PruneOptions) (_ *Pruned, err error) {
	if options.Policy.Empty() {
		return nil, errors.New("a policy that keeps nothing is none")
	}
	if err := r.lock(true); err != nil {
		return nil, err
	}
	if err := r.readDamaged(); err != nil {
		return nil, err
	}
	p := &pruning{of: r, options: options, report: &Pruned{Kept: []string{}, Removed: []string{}}}
	defer func() {
		for _, one := range p.kept {
			err = errors.Join(err, one.Close())
		}
	}()
	if err := p.choose(); err != nil {
		return nil, err
	}
	newMeter(options.Progress).Enter(at(PhaseFinish, ""), 0)
	if err := p.remove(); err != nil {
		return nil, err
	}
	if err := p.sweep(ctx); err != nil || options.DryRun {
		return p.report, err
	}
	return p.report, r.forgetDamaged()
}

// choose decides before anything is removed.
func (p *pruning) choose() error {
	ids, err := p.of.IDs()
	if err != nil {
		return err
	}
	var all []*Backup
	defer func() {
		for _, one := range all {
			if !slices.Contains(p.kept, one) {
				_ = one.Close() // only read
			}
		}
	}()
	var made []time.Time
	safe := len(ids) - 1 // the place of the one that is always kept
	for place, id := range ids {
		one, err := p.of.Open(id)
		if err != nil {
			return fmt.Errorf("%w; nothing is removed as long as it is there: verify it, and remove its folder by hand if it is lost", err)
		}
		all, made = append(all, one), append(made, one.Manifest.Created)
		if one.wasVerified() {
			safe = place
		}
	}
	for place, keeps := range p.options.Policy.Keeps(made) {
		if keeps || place == safe {
			p.kept = append(p.kept, all[place])
			p.report.Kept = append(p.report.Kept, ids[place])
			continue
		}
		p.report.Removed = append(p.report.Removed, ids[place])
	}
	return nil
}

// remove takes the names away first, so that half a backup is never listed. What a killed run leaves is removed by the next one.
func (p *pruning) remove() error {
	if p.options.DryRun {
		return nil
	}
	for _, id := range p.report.Removed {
		if err := p.of.root.Rename(backupsFolder+"/"+id, backupsFolder+"/"+partialBegins+id); err != nil {
			return fmt.Errorf("remove the backup %s: %w", id, err)
		}
	}
	if err := syncFolder(p.of.root, backupsFolder); err != nil {
		return err
	}
	return p.of.removePartial()
}

// mostSums is how many checksums are kept in memory at once: about 50 MB.
const mostSums = 500_000

// shards is how many folders contents are spread over.
const shards = 256

// sweep removes the contents that no backup names, some folders at a time.
func (p *pruning) sweep(ctx context.Context) error {
	var names int64
	for _, one := range p.kept {
		names += one.Manifest.Media.Files
	}
	width := max(1, int(min(shards, shards*mostSums/max(names, 1))))
	for first := 0; first < shards; first += width {
		if err := p.sweepSome(ctx, fmt.Sprintf("%02x", first), fmt.Sprintf("%02x", min(first+width, shards)-1)); err != nil {
			return err
		}
	}
	return nil
}

// sweepSome is for the contents whose checksums begin with first to last.
func (p *pruning) sweepSome(ctx context.Context, first, last string) error {
	named := map[string]struct{}{}
	for _, one := range p.kept {
		for medium, err := range one.Media() {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("read what the backup %s needs: %w", one.Manifest.ID, err)
			}
			if begins := medium.SHA256[:2]; first <= begins && begins <= last {
				named[medium.SHA256] = struct{}{}
			}
		}
	}
	folders, err := fs.ReadDir(p.of.root.FS(), objectsFolder)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if name := folder.Name(); len(name) == 2 && first <= name && name <= last {
			if err := p.sweepFolder(ctx, name, named); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pruning) sweepFolder(ctx context.Context, name string, named map[string]struct{}) error {
	entries, err := fs.ReadDir(p.of.root.FS(), objectsFolder+"/"+name)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if _, isNamed := named[entry.Name()]; isNamed || !sumForm.MatchString(entry.Name()) {
			continue
		}
		info, err := entry.Info()
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil && !p.options.DryRun {
			err = p.of.root.Remove(object(entry.Name()))
		}
		if err != nil {
			return err
		}
		p.report.MediaFiles++
		p.report.MediaBytes += info.Size()
	}
	return nil
}
