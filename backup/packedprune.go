package backup

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/backup/pack"
)

// packedPruning is one run.
type packedPruning struct {
	of      *Packed
	options PruneOptions
	report  *Pruned
	named   map[string]struct{} // packs of the backups that are kept
}

// Prune removes the backups that a policy does not keep, and packs that no backup names. It needs no key. The newest backup that was verified is always
// kept; without one, the newest. When a packs.json cannot be read it refuses, since it could not tell what that backup needs.
func (p *Packed) Prune(ctx context.Context, options PruneOptions) (_ *Pruned, err error) {
	if options.Policy.Empty() {
		return nil, errors.New("a policy that keeps nothing is none")
	}
	ctx, unlock, err := p.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	r := &packedPruning{of: p, options: options, report: &Pruned{Kept: []string{}, Removed: []string{}}, named: map[string]struct{}{}}
	if err := r.choose(ctx); err != nil {
		return nil, err
	}
	newMeter(options.Progress).Enter(at(PhaseFinish, ""), 0)
	if err := r.removeBackups(ctx); err != nil {
		return nil, r.explain(ctx, err)
	}
	if err := r.sweep(ctx); err != nil {
		return nil, r.explain(ctx, err)
	}
	return r.report, nil
}

func (r *packedPruning) explain(ctx context.Context, err error) error {
	if ended := stopped(ctx, err); ended != nil {
		return ended
	}
	if isDenied(err) {
		return readOnly(r.of.store, err)
	}
	return err
}

// choose decides before anything is removed.
func (r *packedPruning) choose(ctx context.Context) error {
	ids, err := r.of.IDs(ctx)
	if err != nil {
		return err
	}
	var lists []*packList
	var made []time.Time
	safe := len(ids) - 1 // the place of the one that is always kept
	for place, id := range ids {
		list, err := r.of.packs(ctx, id)
		if err != nil {
			return fmt.Errorf("%w; nothing is removed as long as it is there: verify it, and remove what begins with %s by hand if it is lost", err, below(id, ""))
		}
		lists, made = append(lists, list), append(made, list.Created)
		if r.of.wasVerified(ctx, list) {
			safe = place
		}
	}
	for place, keeps := range r.options.Policy.Keeps(made) {
		if keeps || place == safe {
			r.keep(lists[place])
			continue
		}
		r.report.Removed = append(r.report.Removed, ids[place])
	}
	return nil
}

func (r *packedPruning) keep(list *packList) {
	r.report.Kept = append(r.report.Kept, list.ID)
	for _, one := range list.Packs {
		r.named[one.Name] = struct{}{}
	}
}

// removeBackups takes packs.json of all of them away first, so that half a backup is never listed, and then what belonged to such or never had one.
func (r *packedPruning) removeBackups(ctx context.Context) error {
	if r.options.DryRun {
		return nil
	}
	for _, id := range r.report.Removed {
		if err := r.of.store.Remove(ctx, below(id, packsName)); err != nil {
			return fmt.Errorf("remove the backup %s: %w", id, err)
		}
	}
	var left []string
	for file, err := range r.of.store.List(ctx, backupsFolder+"/") {
		if err != nil {
			return fmt.Errorf("list the backups: %w", err)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(file.Name, backupsFolder+"/"), "/")
		if validID(id) && !slices.Contains(r.report.Kept, id) {
			left = append(left, file.Name)
		}
	}
	return r.removeAll(ctx, left)
}

func (r *packedPruning) removeAll(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := r.of.store.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

// sweep removes the packs that no backup names, and the notes about packs that are gone.
func (r *packedPruning) sweep(ctx context.Context) error {
	sizes, err := r.of.sizes(ctx)
	if err != nil {
		return err
	}
	var unnamed []string
	for name, size := range sizes {
		if _, isNamed := r.named[name]; !isNamed && pack.ValidName(name) {
			unnamed = append(unnamed, name)
			r.report.Packs++
			r.report.PackBytes += size
		}
	}
	for file, err := range r.of.store.List(ctx, damagedFolder+"/") {
		if err != nil {
			return fmt.Errorf("list the damaged packs: %w", err)
		}
		if _, isNamed := r.named[packNamed(path.Base(file.Name))]; !isNamed {
			unnamed = append(unnamed, file.Name)
		}
	}
	if r.options.DryRun {
		return nil
	}
	return r.removeAll(ctx, unnamed)
}

// packNamed is the pack of a note.
func packNamed(random string) string {
	if len(random) < 2 {
		return ""
	}
	return pack.Folder + "/" + random[:2] + "/" + random
}
