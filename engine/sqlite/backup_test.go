package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// backUp is the part of another process that makes a copy, slowly enough to be killed in the middle.
func backUp(source, destination string) error {
	begun := false
	_, err := Backup(context.Background(), source, destination, BackupOptions{Rate: 20_000_000, Progress: func(BackupProgress) {
		if !begun {
			begun = true
			fmt.Println("begun")
		}
	}})
	return err
}

// backup makes a copy that has to succeed.
func backup(tb testing.TB, source, destination string, options BackupOptions) *BackupResult {
	tb.Helper()
	result, err := Backup(tb.Context(), source, destination, options)
	if err != nil {
		tb.Fatal(err)
	}
	info, err := os.Stat(destination)
	if err != nil {
		tb.Fatal(err)
	}
	if info.Mode() != 0o600 || info.Size() != result.Bytes || result.Bytes != result.Pages*int64(result.Source.PageSize) {
		tb.Fatalf("mode %v, size %d: %+v", info.Mode(), info.Size(), result)
	}
	return result
}

// A copy that is made while another process commits a thousand transactions a second is a state that the database was in.
func TestBackupBesideAThousandCommitsASecond(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source := filepath.Join(folder, "database.db")
	makeLedger(t, source, "WAL", 8000)
	writer := start(t, "ledger", nil, source, "1000")
	for round := range dbtest.Rounds(t, 3) {
		before := writer.committed(t)
		destination := filepath.Join(folder, fmt.Sprintf("copy%d.db", round))
		begun := time.Now()
		steps := 0
		result := backup(t, source, destination, BackupOptions{Rate: 40_000_000, Progress: func(progress BackupProgress) {
			if progress.Phase == BackupCopies {
				steps++
			}
		}})
		lasted, after := time.Since(begun), writer.committed(t)
		newest := ledgerState(t, destination)
		if newest < before || newest > after || result.Attempts != 1 || result.Source.Access != SharedMemory {
			t.Fatalf("round %d: transfer %d is the newest in the copy; %d were committed before and %d after: %+v",
				round, newest, before, after, result)
		}
		if once := (result.Bytes + backupStep - 1) / backupStep; int64(steps) != once {
			t.Errorf("round %d: %d steps, but %d copy everything: the copy began again", round, steps, once)
		}
		if after-newest < 10 {
			t.Errorf("round %d: the writer committed only %d transfers while its database was copied", round, after-newest)
		}
		t.Logf("round %2d: state %6d; %5d commits in %.2f s (%.0f/s); %d bytes, log %d bytes", round, newest, after-before,
			lasted.Seconds(), float64(after-before)/lasted.Seconds(), result.Bytes, result.WALBytes)
		if err := os.Remove(destination); err != nil {
			t.Fatal(err)
		}
	}
	writer.end(t)
}

func TestBackupInRollbackMode(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source, destination := filepath.Join(folder, "database.db"), filepath.Join(folder, "copy.db")
	makeLedger(t, source, "DELETE", 2000)
	if result := backup(t, source, destination, BackupOptions{}); result.Attempts != 1 || ledgerState(t, destination) != 0 {
		t.Errorf("without writers: %+v", result)
	}
	writer := start(t, "ledger", nil, source, "100")
	writer.committed(t)
	_, err := Backup(t.Context(), source, filepath.Join(folder, "never.db"), BackupOptions{Attempts: 3, Rate: 8_000_000})
	restarted, ok := errors.AsType[*RestartedError](err)
	if !ok || restarted.Attempts != 3 || !restarted.Rollback {
		t.Errorf("got %v, want a RestartedError after 3 attempts", err)
	}
	before := writer.committed(t)
	result := backup(t, source, destination, BackupOptions{Overwrite: true, BlockWriters: true, Rate: -1})
	if newest := ledgerState(t, destination); newest < before || result.Attempts != 1 {
		t.Errorf("with the writers kept waiting: newest %d, before %d: %+v", newest, before, result)
	}
	writer.end(t)
	if left, _ := filepath.Glob(filepath.Join(folder, "*.db*")); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}
