package data

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// mostKeys is how many keys of a table are held in memory, and so how many a script deletes at once; more are only counted.
const mostKeys = 10_000

// duplicates are the keys of one unique key that are there more than once.
type duplicates struct {
	key *uniqueKey
	// groups are the first mostKeys keys, each with all its rows.
	groups [][]copyOf
	// keys and surplus count all of them, and the rows that are too many.
	keys, surplus int64
	// order is the column by which copies are told to be newer; may be empty.
	order string
}

func checkUnique(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	known := tablesOf(subject.Session)
	found, err := describeUnreadable(ctx, known)
	if err != nil {
		return nil, err
	}
	err = eachDuplicates(ctx, subject.Session, finding.MostEvidence, func(twice *duplicates) error {
		found = append(found, twice.describe())
		return nil
	})
	return found, err
}

// eachDuplicates looks for duplicates of every key that the tables have, and of those that the ids of events should have.
func eachDuplicates(ctx context.Context, from engine.Querier, most int, take func(*duplicates) error) error {
	known := tablesOf(from)
	return known.apart(ctx, func() error {
		keys, err := allKeys(ctx, from, known)
		if err != nil {
			return err
		}
		for _, key := range keys {
			twice, err := findDuplicates(ctx, from, known, key, most)
			if err == nil && twice.keys > 0 {
				err = take(twice)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	})
}

// allKeys adds the ids of events where their index is gone.
func allKeys(ctx context.Context, from engine.Querier, known tables) ([]*uniqueKey, error) {
	keys, err := known.uniqueKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, table := range []string{"events", "event_json"} {
		isThere := func(key *uniqueKey) bool {
			return key.table == table && key.where == "" && len(key.parts) == 1 && strings.Trim(key.parts[0], `"`) == "event_id"
		}
		exists, err := holds(ctx, from, table)
		if err != nil {
			return nil, err
		}
		if exists && !slices.ContainsFunc(keys, isThere) {
			column := known.quote("event_id")
			keys = append(keys, &uniqueKey{table: table, parts: []string{column}, groups: []string{column}})
		}
	}
	return keys, nil
}

func findDuplicates(ctx context.Context, from engine.Querier, known tables, key *uniqueKey, most int) (*duplicates, error) {
	found := &duplicates{key: key}
	places, err := found.places(ctx, from, known, most)
	if err != nil || len(places) == 0 {
		return found, err
	}
	columns, err := known.columns(ctx, key.table)
	if err != nil {
		return nil, err
	}
	for _, order := range orders() {
		if slices.Contains(columns, order) {
			found.order = order
			break
		}
	}
	query := known.copies(key, found.order, columns)
	for batch := range slices.Chunk(places, 100) {
		if err := found.read(ctx, from, query, known, batch); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (d *duplicates) places(ctx context.Context, from engine.Querier, known tables, most int) (places [][]string, err error) {
	err = engine.Each(ctx, from, known.duplicates(d.key), nil, func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		var group []string
		if err := json.Unmarshal([]byte(text), &group); err != nil {
			return err
		}
		d.keys++
		d.surplus += int64(len(group)) - 1
		if len(places) < most {
			places = append(places, group)
		}
		return nil
	})
	return places, err
}

// read reads the rows at these places, and puts those of each key together, the newest first.
func (d *duplicates) read(ctx context.Context, from engine.Querier, query string, known tables, batch [][]string) error {
	copies := map[string]copyOf{}
	err := engine.Each(ctx, from, query, []any{known.placeList(slices.Concat(batch...))}, func(scan func(...any) error) error {
		var row copyOf
		err := scan(&row.Place, &row.Age, &row.Order, &row.Sum, &row.Key)
		copies[row.Place] = row
		return err
	})
	for _, places := range batch {
		var group []copyOf
		for _, place := range places {
			if row, isThere := copies[place]; isThere { // it may have been deleted meanwhile
				group = append(group, row)
			}
		}
		if len(group) > 1 {
			slices.SortStableFunc(group, newerFirst)
			d.groups = append(d.groups, group)
		}
	}
	return err
}

// newerFirst orders rows by what the table says, then by the transaction that wrote them, then by their place.
func newerFirst(a, b copyOf) int {
	switch {
	case a.Order != nil && b.Order != nil && *a.Order != *b.Order:
		return compareDown(*a.Order, *b.Order)
	case a.Age >= 0 && b.Age >= 0 && a.Age != b.Age:
		return compareDown(b.Age, a.Age)
	}
	return 0
}

func compareDown(a, b int64) int {
	if a > b {
		return -1
	}
	return 1
}

// why says by what the first of two rows is the newer one; empty when nothing tells.
func (d *duplicates) why(a, b copyOf) string {
	switch {
	case newerFirst(a, b) == 0:
		return ""
	case a.Order != nil && b.Order != nil && *a.Order != *b.Order:
		return d.order
	}
	return "the transaction that wrote it"
}

func (d *duplicates) describe() finding.Finding {
	result := finding.Finding{
		ID: DuplicateKeys, Severity: finding.Error,
		What:    fmt.Sprintf("in %s, %s there more than once, with %s too many, though the index %s is unique", d.key, keysAre(d.keys), number(d.surplus, "row"), d.key.index),
		Meaning: "the index is corrupt, as after a change of the locale's library: the homeserver finds one copy or the other, changes miss the one that it reads, and no dump of the database can be restored",
		Remedy: finding.Remedy{
			Text:     "back up the database, have the script written that deletes all copies but the newest and makes the indexes anew, read it, and run it with the homeserver stopped; then look for what made the index corrupt, and make the other indexes anew, too",
			Commands: []string{"synapse check -c homeserver.yaml --deep --repair-script repair.sql"},
		},
	}
	if d.key.index == "" {
		result.ID = EventIDTwice
		result.What = fmt.Sprintf("in %s, %s there more than once, with %s too many; the unique index is missing", d.key, keysAre(d.keys), number(d.surplus, "row"))
		result.Meaning = "the homeserver finds one copy or the other, and its index cannot be made as long as both are there"
	}
	all := examples{}
	for _, group := range d.groups {
		all.add("%s", d.line(group))
	}
	all.count = d.keys
	result.Evidence = all.evidence()
	return result
}

func keysAre(count int64) string {
	if count == 1 {
		return "1 key is"
	}
	return fmt.Sprintf("%d keys are", count)
}

// line is a key with its rows.
func (d *duplicates) line(group []copyOf) string {
	places := make([]string, len(group))
	for i, row := range group {
		places[i] = strings.ReplaceAll(row.Place, " ", "")
	}
	line := fmt.Sprintf("%s: rows %s", group[0].Key, strings.Join(places, ", "))
	if why := d.why(group[0], group[1]); why != "" {
		return fmt.Sprintf("%s; the newest is %s, by %s", line, places[0], why)
	}
	return line + "; nothing tells which is newer"
}
