package relocale_test

import (
	"context"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// processVariable makes the test binary a process that moves a database, as its content, in JSON, says.
const processVariable = "SYNAPSE_RELOCALE_TEST_PROCESS"

// moveProcess is what such a process has to do.
type moveProcess struct {
	Database  map[string]any `json:"database"`
	As        map[string]any `json:"as"`
	To        string         `json:"to"`
	Folder    string         `json:"folder"`
	PgDump    string         `json:"pg_dump"`
	PgRestore string         `json:"pg_restore"`
}

func (p moveProcess) Run(ctx context.Context) (err error) {
	options := relocale.Options{To: p.To, Folder: p.Folder, PgDump: p.PgDump, PgRestore: p.PgRestore}
	if options.Database, _, err = postgres.ParseArgs(p.Database); err != nil {
		return err
	}
	if options.As, _, err = postgres.ParseArgs(p.As); err != nil {
		return err
	}
	_, err = relocale.Run(ctx, options)
	return err
}

func (s *scene) process() dbtest.Process {
	return dbtest.Process{Variable: processVariable, Work: moveProcess{
		Database: s.database.Config, As: s.super, To: s.to, Folder: s.folder,
		PgDump: s.server.Bin("pg_dump"), PgRestore: s.server.Bin("pg_restore"),
	}}
}

func TestKilledMoveIsBegunAnew(t *testing.T) {
	t.Parallel()
	for _, sent := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(sent.String(), func(t *testing.T) {
			t.Parallel()
			first := newScene(t)
			first.fillSmall()
			whole := first.process().MustEnd(t)
			for range dbtest.Rounds(t, 1) {
				s := newScene(t)
				s.fillSmall()
				s.round(t, sent, whole)
			}
		})
	}
}

// round stops moves at random moments, and looks that the new database is not there before it is complete, until one has ended. Then
// it is moved, or put back.
func (s *scene) round(t *testing.T, sent syscall.Signal, whole time.Duration) {
	t.Helper()
	before := s.rowsOf(s.database.Name)
	const kills = 3
	for range kills {
		if s.process().SignalAfter(t, sent, rand.N(whole)) || s.exists(s.to) { // it may be stopped after its last step
			s.complete(before)
			return
		}
		if sent == syscall.SIGTERM {
			s.untouched()
		}
	}
	if rand.IntN(2) == 0 {
		if _, err := relocale.Undo(t.Context(), s.options()); err != nil {
			t.Fatal(err)
		}
		s.untouched()
		if diff := cmp.Diff(before, s.rowsOf(s.database.Name)); diff != "" {
			t.Error(diff)
		}
	}
	s.mustRun(s.options())
	s.moved(before)
}

// complete is about a move that has ended, or was killed before it could say so.
func (s *scene) complete(before string) {
	s.t.Helper()
	if diff := cmp.Diff(before, s.rowsOf(s.to)); diff != "" {
		s.t.Errorf("rows (-old +new):\n%s", diff)
	}
	if s.isOpen() {
		s.t.Error("the old database accepts connections")
	}
}
