package data

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

const (
	withoutJSONQuery  = `SELECT e.event_id FROM events AS e WHERE NOT EXISTS (SELECT 1 FROM event_json AS j WHERE j.event_id = e.event_id)`
	withoutEventQuery = `SELECT j.event_id FROM event_json AS j WHERE NOT EXISTS (SELECT 1 FROM events AS e WHERE e.event_id = j.event_id)`
)

func checkEvents(ctx context.Context, subject *finding.Subject) (found []finding.Finding, err error) {
	there, err := holds(ctx, subject.Session, "events", "event_json")
	if err != nil || !there || !subject.Holds("main") {
		return nil, err
	}
	var bare, loose *examples
	err = tablesOf(subject.Session).apart(ctx, func() (err error) {
		if bare, err = collect(ctx, subject.Session, "%s", withoutJSONQuery); err == nil {
			loose, err = collect(ctx, subject.Session, "%s", withoutEventQuery)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if bare.count > 0 {
		found = append(found, finding.Finding{
			ID: EventWithoutJSON, Severity: finding.Error, What: number(bare.count, "event") + " without a row in event_json", Evidence: bare.evidence(),
			Meaning: "what the event says is lost; the homeserver behaves as if the event were not there, and rooms where it is part of the state do not work",
			Remedy:  finding.Remedy{Text: "restore the rows of event_json from a backup; the room of a remote server can be purged and joined again"},
		})
	}
	if loose.count > 0 {
		found = append(found, finding.Finding{
			ID: JSONWithoutEvent, Severity: finding.Warning, What: number(loose.count, "row") + " of event_json without an event", Evidence: loose.evidence(),
			Meaning: "it takes up space, and should the event come again, it cannot be stored",
			Remedy: finding.Remedy{
				Text:     "look at the rows, and delete them with the homeserver stopped",
				Commands: []string{"DELETE FROM event_json WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.event_id = event_json.event_id);"},
			},
		})
	}
	return found, nil
}

func checkBooleans(ctx context.Context, subject *finding.Subject) (found []finding.Finding, err error) {
	names, columns, err := booleanColumns(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	var bad examples
	for _, table := range names {
		if err := checkBooleansOf(ctx, subject.Session, table, columns[table], &bad); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
	}
	if bad.count == 0 {
		return nil, nil
	}
	return []finding.Finding{{
		ID: NotBoolean, Severity: finding.Warning, What: number(bad.count, "value") + " that are neither true nor false, in columns of booleans", Evidence: bad.evidence(),
		Meaning: "the homeserver takes a value for true or false as it happens, and a port to PostgreSQL refuses it",
		Remedy:  finding.Remedy{Text: "find out what each value should be, and set it to 0 or 1 with the homeserver stopped"},
	}}, nil
}

// checkBooleansOf reads a table once for all its columns. NULL is in order: whether a column takes it says the schema.
func checkBooleansOf(ctx context.Context, from engine.Querier, table string, columns []string, bad *examples) error {
	var values, wrong []string
	for _, column := range columns {
		quoted := sqlite.QuoteIdentifier(column)
		condition := quoted + " NOT IN (0, 1)"
		wrong = append(wrong, condition)
		values = append(values, fmt.Sprintf("CASE WHEN %s THEN %s ELSE '' END", condition, "substr(quote("+quoted+"), 1, 40)"))
	}
	query := fmt.Sprintf("SELECT rowid, %s FROM %s WHERE %s", strings.Join(values, ", "), sqlite.QuoteIdentifier(table), strings.Join(wrong, " OR "))
	return engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		row, texts := int64(0), make([]string, len(columns))
		into := []any{&row}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := scan(into...); err != nil {
			return err
		}
		for i, text := range texts {
			if text != "" {
				bad.add("row %d of %s: %s is %s", row, table, columns[i], text)
			}
		}
		return nil
	})
}
