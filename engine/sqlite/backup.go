package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"time"

	lib "modernc.org/sqlite/lib"
)

// Defaults of BackupOptions.
const (
	DefaultBackupRate     = 64_000_000 // bytes a second
	DefaultBackupAttempts = 10
)

// BackupCheck is how a copy is examined before it gets its name.
type BackupCheck string

// The ways to examine a copy.
const (
	QuickCheck     BackupCheck = "quick"     // PRAGMA quick_check: every page and row, not whether indexes fit their tables
	IntegrityCheck BackupCheck = "integrity" // PRAGMA integrity_check: indexes too
	NoCheck        BackupCheck = "none"
)

// BackupOptions says how a copy is made. The zero value is a good choice.
type BackupOptions struct {
	// Overwrite lets the copy take the place of a file. That file stays as it is until the copy is complete.
	Overwrite bool

	// Rate is how many bytes a second are copied at most, so that a server on the same disk is not starved; 0 means
	// DefaultBackupRate, a number below zero no limit.
	Rate int64

	// Check is how the copy is examined; empty means QuickCheck.
	Check BackupCheck

	// BlockWriters keeps the writers of a database in rollback journal mode waiting until it is copied. Without it they
	// go on, and each of their commits makes the copy begin again. In WAL mode writers always go on.
	BlockWriters bool

	// Attempts is how often a copy is begun before it is given up; 0 means DefaultBackupAttempts.
	Attempts int

	// Progress is called from the goroutine of the caller, about once for each million bytes. It may be nil.
	Progress func(BackupProgress)

	// Log may be nil.
	Log *slog.Logger
}

func (o BackupOptions) complete() BackupOptions {
	if o.Rate == 0 {
		o.Rate = DefaultBackupRate
	}
	if o.Check == "" {
		o.Check = QuickCheck
	}
	if o.Attempts <= 0 {
		o.Attempts = DefaultBackupAttempts
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o BackupOptions) report(progress BackupProgress) {
	if o.Progress != nil {
		o.Progress(progress)
	}
}

// BackupPhase is what a backup is at.
type BackupPhase string

// The phases, in their order.
const (
	BackupCopies BackupPhase = "copy"
	BackupSyncs  BackupPhase = "sync"
	BackupChecks BackupPhase = "check"
)

// BackupProgress is how far a backup is.
type BackupProgress struct {
	Phase   BackupPhase
	Attempt int   // counted from 1
	Done    int64 // bytes copied
	Total   int64 // bytes to copy
}

// BackupResult is what was done.
type BackupResult struct {
	Source        SnapshotInfo // as it was when the copy that succeeded was begun
	Destination   string       // absolute
	Bytes         int64        // of the copy
	Pages         int64        // of the copy
	Attempts      int          // how often the copy was begun
	WALBytes      int64        // of the source's write-ahead log when the copy was made; it grows meanwhile
	Check         BackupCheck
	CopyTime      time.Duration // of the attempt that succeeded
	CheckTime     time.Duration
	RemovedBroken bool // a copy that a killed run had left was removed
}

// Backup copies the database at source, write-ahead log included, into a new file by SQLite's online backup. The copy is a
// state that the source was in at one moment. The source may be in use; nothing of it is changed, not even its journal
// mode. The copy is one file, in rollback journal mode, that only its owner may read. It gets its name when it is complete,
// examined and on the disk; until then it is DESTINATION.snapshot-partial. Errors a caller can test for: those of OpenSnapshot,
// *DestinationError, *IntegrityError, *RestartedError.
func Backup(ctx context.Context, source, destination string, options BackupOptions) (*BackupResult, error) {
	staged, err := StageBackup(ctx, source, destination, options)
	if err != nil {
		return nil, err
	}
	return staged.Publish()
}

// CheckBackup refuses, with the errors of Backup, what can be known to fail before anything is written.
func CheckBackup(source, destination string, options BackupOptions) error {
	_, err := planBackup(source, destination, options)
	return err
}

// StagedBackup is a copy that is complete and does not have its name yet.
type StagedBackup struct {
	plan    *backupPlan
	partial *partial
	result  BackupResult
}

// StageBackup is Backup up to the moment where the copy gets its name, so that several copies can get theirs together. Either
// Publish or Discard has to follow.
func StageBackup(ctx context.Context, source, destination string, options BackupOptions) (*StagedBackup, error) {
	if err := checkVersion(lib.SQLITE_VERSION); err != nil {
		return nil, err
	}
	plan, err := planBackup(source, destination, options)
	if err != nil {
		return nil, err
	}
	b := &StagedBackup{plan: plan, result: BackupResult{Destination: plan.destination, Check: plan.options.Check}}
	if b.partial, b.result.RemovedBroken, err = createPartial(plan.destination); err != nil {
		return nil, err
	}
	if err := b.stage(ctx); err != nil {
		return nil, errors.Join(plan.explain(err), b.partial.discard())
	}
	return b, nil
}

func (b *StagedBackup) stage(ctx context.Context) error {
	if err := b.copy(ctx); err != nil {
		return err
	}
	b.report(BackupSyncs)
	if err := b.partial.seal(); err != nil {
		return err
	}
	if b.plan.options.Check == NoCheck {
		return nil
	}
	b.report(BackupChecks)
	begun := time.Now()
	err := b.check(ctx)
	b.result.CheckTime = time.Since(begun)
	return err
}

func (b *StagedBackup) report(phase BackupPhase) {
	b.plan.options.report(BackupProgress{Phase: phase, Attempt: b.result.Attempts, Done: b.result.Bytes, Total: b.result.Bytes})
}

// Publish gives the copy its name.
func (b *StagedBackup) Publish() (*BackupResult, error) {
	if err := b.plan.checkDestination(); err != nil {
		return nil, errors.Join(err, b.partial.discard())
	}
	if err := b.partial.publish(b.plan.destination, b.plan.options.Overwrite); err != nil {
		return nil, errors.Join(b.plan.explain(err), b.partial.discard())
	}
	return &b.result, nil
}

// Discard removes the copy.
func (b *StagedBackup) Discard() error { return b.partial.discard() }
