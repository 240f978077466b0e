package backup_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
)

func TestTableThatAnotherSessionHasIsNamed(t *testing.T) {
	t.Parallel()
	s := newScene(t, onPostgres)
	options := s.options()
	options.LockWait = 100 * time.Millisecond
	s.work(func(main, _ engine.Session) {
		must(t, main, "BEGIN")
		must(t, main, "LOCK TABLE rooms IN ACCESS EXCLUSIVE MODE")
		_, err := s.tryBackUp(options)
		if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.DatabaseBusy}) || !strings.Contains(err.Error(), "rooms: synapse upgrade of ") {
			t.Error(err)
		}
		must(t, main, "ROLLBACK")
	})
	s.nothingUnfinished()
	s.backUp()
}
