package background_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// widen makes each row of numbers a thousand times as long, and counts in n how often it has.
var widen = background.FillColumn{Table: "numbers", Keys: []string{"id"}, Set: "n = n + 1, note = '" + strings.Repeat("x", 3000) + "'"}

const unlimited = 1_000_000

// SQLite's file may have no more than so many pages, as on a disk that is full. The update is tried again and then set
// aside; when there is space again it goes on where it was, and no row has been changed twice.
func TestFullDiskOfSQLite(t *testing.T) {
	t.Parallel()
	const rows = 1000
	for name, test := range map[string]struct {
		pages int
		waits int // after which there is space again; 0 is never
		left  []string
		want  string // in the error of the run
	}{
		"for a while": {pages: 300, waits: 3, left: []string{}},
		"for good": {
			pages: 300, left: []string{"widen (5: database or disk is full (13))"},
			want: "widen: set aside: database or disk is full (13); correct the cause and have it tried again",
		},
		"even for the record of the error": { // the limit is never below the size
			pages: 1, left: []string{"widen", "fine"},
			want: "a batch of widen has failed 5 times: database or disk is full (13)\nrecord that widen was set aside: database or disk is full (13)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, engine.SQLite)
			place.newNumbers(t, rows)
			place.exec(t, "ALTER TABLE numbers ADD COLUMN note TEXT")
			place.enqueue(t, "fine @9", "widen")
			registry := background.NewRegistry()
			registry.Register("widen", widen.Run)
			registry.Register("fine", nothing)
			limited := &limitedFile{place: place, pages: test.pages}
			clock := newClock()
			clock.onSleep = func(time.Duration) {
				if len(clock.slept()) == test.waits {
					limited.grow(t)
				}
			}
			updater := newUpdater(t, place, registry, func(config *background.Config) {
				config.Clock, config.Pacing.MaxBatchSize, config.Open = clock, 100, limited.open
			})
			err := updater.Run(t.Context())
			if len(clock.slept()) < 3 || err == nil && test.want != "" || err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("after %d waits the run ended with %v", len(clock.slept()), err)
			}
			if diff := cmp.Diff(test.left, place.pending(t)); diff != "" {
				t.Error(diff)
			}
			limited.pages = unlimited
			if _, err := background.Retry(t.Context(), place.Session(t)); err != nil {
				t.Fatal(err)
			}
			if err := updater.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if right := place.number(t, "SELECT count(*) FROM numbers WHERE n = 1 AND length(note) = 3000"); right != rows {
				t.Errorf("%d rows are right", right)
			}
		})
	}
}

// limitedFile opens sessions that may not let the file grow beyond so many pages.
type limitedFile struct {
	place   address
	pages   int
	session engine.Session
}

func (l *limitedFile) open(ctx context.Context) (session engine.Session, err error) {
	if l.session, err = l.place.Open(ctx); err != nil {
		return nil, err
	}
	if err := l.limit(ctx); err != nil {
		return nil, errors.Join(err, l.session.Close())
	}
	return l.session, nil
}

func (l *limitedFile) limit(ctx context.Context) error {
	return l.session.QueryRow(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", l.pages)).Scan(new(int))
}

func (l *limitedFile) grow(t *testing.T) {
	t.Helper()
	l.pages = unlimited
	if err := l.limit(t.Context()); err != nil {
		t.Error(err)
	}
}
