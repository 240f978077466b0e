package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestBackupRefusesADestination(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, source, destination string)
		name    string // of the destination, if it is another than copy.db
		options BackupOptions
		want    DestinationProblem
	}{
		"that exists":        {prepare: func(t *testing.T, _, destination string) { write(t, destination, "precious") }, want: DestinationExists},
		"that is the source": {name: "database.db", options: BackupOptions{Overwrite: true}, want: DestinationIsSource},
		"that is a link to the source": {prepare: func(t *testing.T, source, destination string) { link(t, os.Symlink, source, destination) },
			options: BackupOptions{Overwrite: true}, want: DestinationIsSource},
		"that is a second name of the source": {prepare: func(t *testing.T, source, destination string) { link(t, os.Link, source, destination) },
			options: BackupOptions{Overwrite: true}, want: DestinationIsSource},
		"whose unfinished form would be the source": {prepare: func(t *testing.T, source, destination string) { link(t, os.Link, source, destination+partialSuffix) },
			want: DestinationIsSource},
		"that is the source's log":     {name: "database.db-wal", want: DestinationIsSource},
		"that is the source's journal": {name: "database.db-journal", want: DestinationIsSource},
		"that is a folder":             {prepare: func(t *testing.T, _, destination string) { folder(t, destination) }, options: BackupOptions{Overwrite: true}, want: DestinationSpecial},
		"that is a link": {prepare: func(t *testing.T, _, destination string) { link(t, os.Symlink, "/dev/null", destination) },
			options: BackupOptions{Overwrite: true}, want: DestinationSpecial},
		"whose unfinished form is a link": {prepare: func(t *testing.T, _, destination string) { link(t, os.Symlink, "/dev/null", destination+partialSuffix) },
			want: DestinationSpecial},
		"beside another database's log": {prepare: func(t *testing.T, _, destination string) { write(t, destination+"-wal", "log") }, want: DestinationLog},
		"beside another database's journal": {prepare: func(t *testing.T, _, destination string) { write(t, destination+"-journal", "log") },
			options: BackupOptions{Overwrite: true}, want: DestinationLog},
		"that is in use": {prepare: func(t *testing.T, _, destination string) {
			makeRollback(t, destination)
			owner := startHolding(t, destination, "SELECT count(*) FROM t")
			t.Cleanup(func() { owner.kill(t) })
		}, options: BackupOptions{Overwrite: true}, want: DestinationInUse},
		"in a folder that is missing": {name: "missing/copy.db", want: DestinationUnwritable},
		"in a file":                   {name: "database.db/copy.db", want: DestinationUnwritable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := t.TempDir()
			source, destination := filepath.Join(place, "database.db"), filepath.Join(place, "copy.db")
			if test.name != "" {
				destination = filepath.Join(place, test.name)
			}
			makeRollback(t, source)
			if test.prepare != nil {
				test.prepare(t, source, destination)
			}
			before := dbtest.Listing(t, place)
			_, err := Backup(t.Context(), source, destination, test.options)
			wrong, ok := errors.AsType[*DestinationError](err)
			if !ok || wrong.Problem != test.want || wrong.Hint == "" {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if diff := cmp.Diff(before, dbtest.Listing(t, place)); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestBackupKnowsTheSourcesFilesByAnotherPath(t *testing.T) {
	t.Parallel()
	source, other := filepath.Join(t.TempDir(), "database.db"), filepath.Join(t.TempDir(), "link")
	makeWAL(t, source)
	link(t, os.Symlink, filepath.Dir(source), other)
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := CheckBackup(source, filepath.Join(other, "database.db"+suffix), BackupOptions{Overwrite: true}); !isProblem(err, DestinationIsSource) {
			t.Errorf("%s: %v", suffix, err)
		}
	}
}

func link(t *testing.T, connect func(string, string) error, target, path string) {
	t.Helper()
	if err := connect(target, path); err != nil {
		t.Fatal(err)
	}
}

func folder(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestBackupReplacesAFileOnlyAtTheEnd(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	source, destination := filepath.Join(place, "database.db"), filepath.Join(place, "copy.db")
	makeRollback(t, source)
	write(t, destination, "precious")
	staged, err := StageBackup(t.Context(), source, destination, BackupOptions{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(destination); string(content) != "precious" {
		t.Errorf("the file was replaced too early: %v", err)
	}
	if _, err := StageBackup(t.Context(), source, destination, BackupOptions{Overwrite: true}); !isProblem(err, DestinationBusy) {
		t.Errorf("a second one at the same time: %v", err)
	}
	if _, err := staged.Publish(); err != nil {
		t.Fatal(err)
	}
	if got := number(t, open(t, destination, 1).Reader(0), "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows", got)
	}
	if err := staged.Discard(); err != nil {
		t.Error(err)
	}
	if left := dbtest.Listing(t, place); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

func isProblem(err error, want DestinationProblem) bool {
	wrong, ok := errors.AsType[*DestinationError](err)
	return ok && wrong.Problem == want
}

func TestBackupDoesNotReplaceAFileThatWasMadeMeanwhile(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	source, destination := filepath.Join(place, "database.db"), filepath.Join(place, "copy.db")
	makeRollback(t, source)
	staged, err := StageBackup(t.Context(), source, destination, BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, destination, "precious")
	if err := staged.partial.place(destination, false); !isProblem(err, DestinationExists) {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := staged.Publish(); !isProblem(err, DestinationExists) {
		t.Errorf("got %v, want a refusal", err)
	}
	if content, err := os.ReadFile(destination); string(content) != "precious" || len(dbtest.Listing(t, place)) != 2 {
		t.Errorf("%q, %v: %v", content, err, dbtest.Listing(t, place))
	}
}

func TestBackupThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	source, destination := filepath.Join(place, "database.db"), filepath.Join(place, "copy.db")
	makeLedger(t, source, "WAL", 1000)
	reason := errors.New("the operator has had enough")
	for _, phase := range []BackupPhase{BackupCopies, BackupSyncs, BackupChecks} {
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err := Backup(ctx, source, destination, BackupOptions{Progress: func(progress BackupProgress) {
			if progress.Phase == phase {
				cancel(reason)
			}
		}})
		if !errors.Is(err, reason) {
			t.Errorf("stopped at %s: %v", phase, err)
		}
		if left := dbtest.Listing(t, place); len(left) != 1 {
			t.Errorf("stopped at %s, left: %v", phase, left)
		}
	}
}

// A copy that is killed at any moment is not there, or it is whole; and the next one is made as if nothing had been.
func TestBackupThatIsKilled(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	source, destination := filepath.Join(place, "database.db"), filepath.Join(place, "copy.db")
	makeLedger(t, source, "WAL", 1000)
	writer := start(t, "ledger", nil, source, "200")
	whole, removed := 0, 0
	for round := range dbtest.Rounds(t, 5) {
		copier := start(t, "backup", nil, source, destination)
		copier.expect(t, "begun")
		moment := rand.N(350 * time.Millisecond)
		timer := time.AfterFunc(moment, func() { copier.command.Process.Kill() })
		copier.command.Wait() // reports the kill, if it came in time
		timer.Stop()
		if _, err := os.Stat(destination); err == nil {
			whole++
			ledgerState(t, destination)
		}
		result := backup(t, source, destination, BackupOptions{Overwrite: true, Rate: -1})
		if result.RemovedBroken {
			removed++
		}
		ledgerState(t, destination)
		if _, err := os.Stat(destination + partialSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("round %d, killed after %v: the unfinished copy is still there: %v", round, moment, err)
		}
		if err := os.Remove(destination); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d copies were whole when they were killed, %d unfinished ones were removed", whole, removed)
	writer.end(t)
}
