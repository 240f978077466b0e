package upstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

const eventSearchSQL = `CREATE VIRTUAL TABLE event_search USING fts4 (tokenize=porter, event_id, room_id, sender, key, value)`

// stemEventSearch makes SQLite's full-text table anew, so that it finds words by their stems, and has it filled in the
// background. PostgreSQL's is no such table.
func stemEventSearch(ctx context.Context, tx engine.Tx) error {
	if tx.Engine() != engine.SQLite {
		return nil
	}
	if err := execute(ctx, tx, "DROP TABLE event_search", eventSearchSQL); err != nil {
		return fmt.Errorf("make event_search anew: %w", err)
	}
	least, greatest, err := streamRange(ctx, tx)
	if err != nil || least == nil {
		return err
	}
	progress := fmt.Sprintf(`{"target_min_stream_id_inclusive": %d, "max_stream_id_exclusive": %d}`, *least, *greatest+1)
	return enqueue(ctx, tx, "event_search", 7310, progress)
}

const (
	checkOrderingSQLite = `CREATE TRIGGER IF NOT EXISTS TABLE_bad_event_stream_ordering BEFORE INSERT ON TABLE FOR EACH ROW
WHEN EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id AND stream_ordering <> NEW.event_stream_ordering)
BEGIN
  SELECT RAISE(ABORT, 'Incorrect event_stream_ordering in TABLE');
END`

	checkOrderingFunction = `CREATE OR REPLACE FUNCTION check_event_stream_ordering() RETURNS trigger LANGUAGE plpgsql AS $check$
BEGIN
  PERFORM FROM events AS known WHERE known.event_id = NEW.event_id AND known.stream_ordering <> NEW.event_stream_ordering;
  IF FOUND THEN
    RAISE EXCEPTION 'Incorrect event_stream_ordering';
  END IF;
  RETURN NEW;
END
$check$`
	checkOrderingPostgres = `CREATE TRIGGER check_event_stream_ordering BEFORE INSERT OR UPDATE ON TABLE
FOR EACH ROW EXECUTE FUNCTION check_event_stream_ordering()`
)

// checkStreamOrderings refuses a membership whose stream ordering is not its event's. Where it is NULL, nothing is
// compared.
func checkStreamOrderings(ctx context.Context, tx engine.Tx) error {
	statements, trigger := []string{}, checkOrderingSQLite
	if tx.Engine() == engine.Postgres {
		statements, trigger = append(statements, checkOrderingFunction), checkOrderingPostgres
	}
	for _, table := range membershipTables {
		statements = append(statements, forTable(trigger, table))
	}
	if err := execute(ctx, tx, statements...); err != nil {
		return fmt.Errorf("make triggers that compare stream orderings: %w", err)
	}
	return nil
}

// forTable puts the name of a table, one of membershipTables, into a statement.
func forTable(statement, table string) string { return strings.ReplaceAll(statement, "TABLE", table) }
