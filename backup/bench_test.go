package backup_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
)

const (
	benchPairs  = 5
	benchBytes  = 100_000 // each
	benchEvents = 200_000
)

// BenchmarkWholeHomeserver compares backups into a new repository with pg_dump and then tar with Zstandard, in pairs of which in turn the one and the
// other is the first. A backup is on the disk when it ends; what is made by hand gets there by a sync, whose time is told apart. Each begins when what was
// written before is on the disk. The time for media of a second backup, with nothing new, is compared with that of the first.
func BenchmarkWholeHomeserver(b *testing.B) {
	s := newScene(b, onPostgres)
	s.enlarge()
	var onDisk, unsynced, again []float64
	for b.Loop() {
		for pair := range benchPairs {
			var ours, media, theirs, synced time.Duration
			s.repo = filepath.Join(b.TempDir(), "repo")
			for _, which := range [2]bool{pair%2 == 0, pair%2 == 1} {
				syscall.Sync()
				if which {
					theirs, synced = s.byHand()
				} else {
					ours, media = s.timed()
				}
			}
			_, second := s.timed()
			onDisk, unsynced = append(onDisk, ours.Seconds()/synced.Seconds()), append(unsynced, ours.Seconds()/theirs.Seconds())
			again = append(again, second.Seconds()/media.Seconds())
			b.Logf("by hand %.2f s, on the disk after %.2f s; backup %.2f s, of it media %.2f s; media again %.3f s",
				theirs.Seconds(), synced.Seconds(), ours.Seconds(), media.Seconds(), second.Seconds())
		}
	}
	b.ReportMetric(median(onDisk), "whole/by-hand-on-disk")
	b.ReportMetric(median(unsynced), "whole/by-hand")
	b.ReportMetric(median(again), "media-again/first")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// enlarge fills the homeserver with events whose texts compress as such do, and media that do not.
func (s *scene) enlarge() {
	s.t.Helper()
	s.work(func(main, _ engine.Session) {
		must(s.t, main, fmt.Sprintf(`INSERT INTO events (topological_ordering, event_id, type, room_id, processed, outlier, stream_ordering, content)
SELECT n, '$' || md5(n::text), 'm.room.message', '%s', true, false, n, repeat(md5((n %% 1000)::text), 3) || md5(n::text) FROM generate_series(1000, %d) AS n`, room, 1000+benchEvents))
	})
	random, content := rand.NewChaCha8([32]byte{}), make([]byte, benchBytes)
	s.addMedia(manyMedia, func(int) string {
		_, _ = random.Read(content) // it never fails
		return string(content)
	})
}

// byHand is what the documentation of the Python homeserver says, and tar; then a sync.
func (s *scene) byHand() (made, synced time.Duration) {
	s.t.Helper()
	folder := s.t.TempDir()
	config := s.config().Databases[0].Postgres
	how, err := config.ForProgram()
	if err != nil {
		s.t.Fatal(err)
	}
	dump := exec.CommandContext(s.t.Context(), program(s.t, "pg_dump"), "-Fc", "-Z1", "--exclude-table-data=e2e_one_time_keys_json", "-f", filepath.Join(folder, "dump"), "--dbname="+how.Conninfo)
	dump.Env = how.Environment
	tar := exec.CommandContext(s.t.Context(), "tar", "-I", "zstd -3", "-cf", filepath.Join(folder, "media.tar.zst"), "-C", s.folder, "media_store", "etc")
	begun := time.Now()
	for _, command := range []*exec.Cmd{dump, tar} {
		if output, err := command.CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, output)
		}
	}
	made = time.Since(begun)
	syscall.Sync()
	return made, time.Since(begun)
}

// timed is how long a backup takes, and its media alone.
func (s *scene) timed() (whole, ofMedia time.Duration) {
	s.t.Helper()
	var entered, left time.Time
	options := s.options()
	options.Progress = func(now backup.Progress) {
		switch {
		case now.Phase == backup.PhaseMedia && entered.IsZero():
			entered = time.Now()
		case now.Phase == backup.PhaseFiles && left.IsZero():
			left = time.Now()
		}
	}
	begun := time.Now()
	if _, err := s.tryBackUp(options); err != nil {
		s.t.Fatal(err)
	}
	return time.Since(begun), left.Sub(entered)
}
