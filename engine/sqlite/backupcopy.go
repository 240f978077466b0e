package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/synapsedb/synapse/engine"
)

const (
	backupStep = 1 << 20 // bytes that are copied between two pauses
	backupSync = 1 << 25 // bytes after which they are brought to the disk, so that a server's own syncs don't wait for more
)

// copy copies the database, again when another process has changed it in a way that spoils the copy.
func (b *StagedBackup) copy(ctx context.Context) error {
	var last error
	rollback := false
	for b.result.Attempts < b.plan.options.Attempts {
		b.result.Attempts++
		err := b.attempt(ctx)
		changed, isChanged := errors.AsType[*ChangedError](err)
		if !isChanged {
			return err
		}
		last, rollback = changed, b.result.Source.JournalMode == "rollback"
		b.plan.options.Log.DebugContext(ctx, "copy begins again", "path", b.plan.source, "attempt", b.result.Attempts, "reason", changed.What)
		if err := b.partial.empty(); err != nil {
			return err
		}
	}
	return &RestartedError{Path: b.plan.source, Attempts: b.result.Attempts, Rollback: rollback, Err: last}
}

// attempt copies the database once, in one read transaction. Only in rollback journal mode, where that would keep every
// writer from committing, each step is one of its own unless the writers shall wait.
func (b *StagedBackup) attempt(ctx context.Context) (err error) {
	source, err := prepareSnapshot(b.plan.source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	b.result.Source = source.info
	held := source.info.Access != SharedLock || b.plan.options.BlockWriters
	if held {
		err = source.connect(ctx, 1)
	} else {
		err = source.connectOnly()
	}
	if err != nil {
		return err
	}
	begun := time.Now()
	err = b.transfer(ctx, source)
	b.result.CopyTime = time.Since(begun)
	if ctx.Err() != nil {
		return err
	}
	if changed := source.spoiled(held); changed != nil {
		return changed // whatever else went wrong may have come from it
	}
	return err
}

// connectOnly opens one connection without a transaction.
func (s *Snapshot) connectOnly() error {
	reader, err := s.newReader()
	if err != nil {
		return explain(s.info.Path, err)
	}
	s.readers = append(s.readers, reader)
	return nil
}

// spoiled is Unchanged for a copy. Without a transaction SQLite itself notices every commit between two steps, and what comes
// after the last one does not matter.
func (s *Snapshot) spoiled(held bool) error {
	if held {
		return s.Unchanged()
	}
	now, err := os.Stat(s.info.Path)
	if err != nil {
		return pathError(s.info.Path, err)
	}
	if !os.SameFile(s.before.file, now) {
		return &ChangedError{Path: s.info.Path, What: "another file has taken its place"}
	}
	return nil
}

// transfer copies all pages.
func (b *StagedBackup) transfer(ctx context.Context, source *Snapshot) (err error) {
	reader := source.Reader(0)
	pages, err := reader.pageCount(ctx)
	if err != nil {
		return err
	}
	if err := b.plan.checkSpace(pages * int64(source.info.PageSize)); err != nil {
		return err
	}
	copier, err := newPageCopier(reader, b.partial.path, source.info.PageSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copier.close()) }()
	pace := &pace{rate: b.plan.options.Rate, begun: time.Now()}
	var synced int64
	for done := false; !done; {
		if done, err = copier.step(); err != nil {
			return err
		}
		b.result.Pages, b.result.Bytes = copier.pages, copier.pages*int64(source.info.PageSize)
		copied := copier.copied * int64(source.info.PageSize)
		b.plan.options.report(BackupProgress{Phase: BackupCopies, Attempt: b.result.Attempts, Done: copied, Total: b.result.Bytes})
		if copied-synced >= backupSync {
			synced = copied
			if err := b.partial.sync(); err != nil {
				return err
			}
		}
		if err := pace.wait(ctx, copied, done); err != nil {
			return fmt.Errorf("copy %s: %w", b.plan.source, err)
		}
	}
	wal, err := lookBeside(b.plan.source + "-wal")
	b.result.WALBytes = wal.size
	return err
}

func (r *Reader) pageCount(ctx context.Context) (int64, error) {
	rows, err := r.Query(ctx, "PRAGMA page_count")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if _, err := rows.Next(); err != nil {
		return 0, err
	}
	return rows.Int64(0), nil
}

// pace keeps to a rate.
type pace struct {
	rate  int64 // bytes a second; below zero: no limit
	begun time.Time
}

// wait returns when it is time for more, at the latest when ctx ends.
func (p *pace) wait(ctx context.Context, copied int64, done bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p.rate < 0 || done {
		return nil
	}
	due := time.Duration(float64(copied) / float64(p.rate) * float64(time.Second))
	if early := due - time.Since(p.begun); early > 0 {
		return engine.Wait(ctx, early)
	}
	return nil
}

// isBusy reports a lock of another process.
func isBusy(code int32) bool { return code&0xff == lib.SQLITE_BUSY || code&0xff == lib.SQLITE_LOCKED }
