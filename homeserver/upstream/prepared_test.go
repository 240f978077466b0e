package upstream

import (
	"context"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
)

const preparedObjectsSQL = `SELECT tgrelid::regclass::text || ' ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'check_event_stream_ordering'
UNION ALL SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
  WHERE conname IN ('event_forward_extremities_event_id', 'full_user_id_not_null')
UNION ALL SELECT oid::regprocedure::text || prorettype::regtype::text || provolatile::text || prosecdef::text || prokind::text FROM pg_proc WHERE proname = 'check_event_stream_ordering'
UNION ALL SELECT table_name || column_name || data_type || is_nullable FROM information_schema.columns WHERE table_name = 'delayed_events' AND column_name = 'content'
ORDER BY 1`

// TestObjectsAreUpstreamsOnPostgreSQL takes what the steps make away from a database of upstream's, and has them make it
// again.
func TestObjectsAreUpstreamsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	if !dbtest.RestorePrepared(t, database, "94") {
		return
	}
	on := openDatabase(t, database)
	want := on.lines(preparedObjectsSQL)
	on.mustExecute(
		"DROP FUNCTION check_event_stream_ordering() CASCADE",
		"ALTER TABLE event_forward_extremities DROP CONSTRAINT event_forward_extremities_event_id",
		"ALTER TABLE delayed_events ALTER COLUMN content TYPE BYTEA USING convert_to(content, 'utf8')",
	)
	for _, table := range []string{profilesTable, filtersTable} {
		on.mustExecute("ALTER TABLE "+table+" DROP CONSTRAINT full_user_id_not_null",
			"ALTER TABLE "+table+" ADD CONSTRAINT full_user_id_not_null CHECK (full_user_id IS NOT NULL) NOT VALID")
	}
	on.mustRun(func(ctx context.Context, tx engine.Tx) error {
		for _, step := range []func(context.Context, engine.Tx, any) error{completeProfiles, completeFilters} {
			if err := step(ctx, tx, homeserver.Config{ServerName: "example.com"}); err != nil {
				return err
			}
		}
		for _, step := range []func(context.Context, engine.Tx) error{checkStreamOrderings, tieExtremities, delayedContentAsText} {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	on.mustExecute("ALTER TABLE event_forward_extremities VALIDATE CONSTRAINT event_forward_extremities_event_id") // the background update's part
	on.expect(preparedObjectsSQL, want...)
	if len(want) != 8 {
		t.Errorf("%q", want)
	}
}
