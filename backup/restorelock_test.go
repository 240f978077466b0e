package backup_test

import (
	"slices"
	"testing"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
)

func TestRestoreBesideAnotherIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, onPostgres)
	s.backUp()
	p := s.newPlace()
	p.restored(func(main, _ engine.Session) {
		must(t, main, "SELECT pg_advisory_lock(x'72657374'::int, 0)") // as a restore at work has it
		_, err := p.restore(p.options())
		if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.TargetOther}) {
			t.Error(err)
		}
	})
	if _, err := p.restore(p.options()); err != nil {
		t.Error(err)
	}
}
