package background_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// largestFile, in bytes, is more than a segment of the write-ahead log: a server that cannot write that stops, whatever its
// disk.
const largestFile = "20000000"

// The server's process may make no file larger than so much, which PostgreSQL deals with as with a full disk. When there is
// space again the update goes on where it was, and no row has been changed twice.
func TestFullDiskOfPostgres(t *testing.T) {
	t.Parallel()
	const rows = 12_000
	_, place := newPrivateServer(t, engine.Postgres)
	place.newNumbers(t, rows)
	// Stored in the table itself and as they are, so that its file grows.
	place.exec(t, "ALTER TABLE numbers ADD COLUMN note TEXT", "ALTER TABLE numbers ALTER note SET STORAGE PLAIN")
	place.enqueue(t, "fine @9", "widen")
	registry := background.NewRegistry()
	registry.Register("widen", widen.Run)
	registry.Register("fine", nothing)
	limit, clock, failures := largestFile, newClock(), 0
	updater := newUpdater(t, place, registry, func(config *background.Config) {
		config.Clock = clock
		config.Open = func(ctx context.Context) (engine.Session, error) {
			session, err := place.Open(ctx)
			if err != nil {
				return nil, err
			}
			if err := limitFiles(ctx, session, limit); err != nil {
				return nil, errors.Join(err, session.Close())
			}
			return session, nil
		}
		config.OnBatch = func(report background.Report) {
			if report.Err != nil {
				failures++
			}
		}
	})
	err := updater.Run(t.Context())
	left, isLeft := errors.AsType[*background.LeftError](err)
	if !isLeft || len(left.Left) != 1 || left.Left[0].Reason != background.SetAside || failures != background.DefaultAttempts {
		t.Fatalf("%d failures, and the run ended with %v", failures, err)
	}
	if pending := place.pending(t); len(pending) != 1 || !strings.Contains(pending[0], "could not extend file") {
		t.Errorf("pending: %q", pending)
	}
	if clock.slept()[0] != time.Second {
		t.Errorf("waited %v", clock.slept())
	}
	limit = "unlimited"
	if _, err := background.Retry(t.Context(), place.Session(t)); err != nil {
		t.Fatal(err)
	}
	if err := updater.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1 AND length(note) = 3000"); right != rows {
		t.Errorf("%d rows are right", right)
	}
}

// limitFiles limits the size of the files that the server's process of a session makes. The server has to do it itself: its
// processes may be another user's.
func limitFiles(ctx context.Context, session engine.Session, most string) error {
	_, err := session.Exec(ctx, "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; prlimit --pid $PPID --fsize="+most+":'")
	return err
}
