package data

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

func checkForeignKeys(ctx context.Context, subject *finding.Subject) (found []finding.Finding, err error) {
	known := tablesOf(subject.Session)
	keys, err := keysWithLost(ctx, subject, known)
	if err != nil {
		return nil, err
	}
	err = known.apart(ctx, func() error {
		for _, key := range keys {
			broken, err := orphansOf(ctx, subject.Session, known, key)
			if err != nil {
				return fmt.Errorf("the foreign key %s: %w", key, err)
			}
			if broken.count > 0 {
				found = append(found, describeBroken(key, broken))
			}
		}
		return nil
	})
	return found, err
}

func orphansOf(ctx context.Context, from engine.Querier, known tables, key *foreignKey) (*examples, error) {
	found := &examples{}
	err := engine.Each(ctx, from, known.orphans(key), nil, func(scan func(...any) error) error {
		var place, text string
		if err := scan(&place, &text); err != nil {
			return err
		}
		found.add("row %s of %s: %s", place, key.table, text)
		return nil
	})
	return found, err
}

func describeBroken(key *foreignKey, broken *examples) finding.Finding {
	result := finding.Finding{
		ID: ForeignKeyBroken, Severity: finding.Error, Evidence: broken.evidence(),
		What:    fmt.Sprintf("the foreign key %s is broken by %s", key, number(broken.count, "row")),
		Meaning: "rows were lost or an index is corrupt, since the database takes no such row; the homeserver finds nothing where these point to, and the key cannot be made again from a dump",
		Remedy: finding.Remedy{
			Text:     "restore the rows of " + key.parent + " from a backup if they are lost; otherwise look at these rows, and delete them with the homeserver stopped",
			Commands: []string{"-- what is broken:", selectOf(key)},
		},
	}
	if key.validated {
		return result
	}
	result.ID, result.Severity = ForeignKeyUnproved, finding.Warning
	result.Meaning = "the database checks new rows only (NOT VALID), and these are older; a port and an upgrade that proves the key refuse them"
	if !key.declared {
		result.Meaning = "the schema has this key, and the database has it no longer, so that nothing keeps rows from pointing to nothing"
	}
	return result
}

// selectOf reads the same rows in any client.
func selectOf(key *foreignKey) string {
	known := tables(&sqliteTables{}) // both engines quote names alike
	return orphansQuery(known, key, "*", "NULL AS points_to_nothing") + ";"
}

// keysWithLost are the database's own keys, and those that its schema has and it has lost. A lost one whose tables or columns are
// not there is for the check of the schema.
func keysWithLost(ctx context.Context, subject *finding.Subject, known tables) ([]*foreignKey, error) {
	keys, err := known.foreignKeys(ctx)
	if err != nil {
		return nil, err
	}
	expected, err := expectedKeys(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("the foreign keys of the schema: %w", err)
	}
	for _, key := range expected {
		if slices.ContainsFunc(keys, key.same) {
			continue
		}
		possible, err := canPoint(ctx, known, key)
		if err != nil {
			return nil, err
		}
		if possible {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func canPoint(ctx context.Context, known tables, key *foreignKey) (bool, error) {
	unreadable, err := known.unreadable(ctx)
	if err != nil || slices.Contains(unreadable, key.table) || slices.Contains(unreadable, key.parent) {
		return false, err
	}
	columns, err := known.columns(ctx, key.table)
	if err != nil || !containsAll(columns, key.columns) {
		return false, err
	}
	columns, err = known.columns(ctx, key.parent)
	return containsAll(columns, key.parentKey), err
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
}

// expectedKeys are those of the schema set, when the database is of the set's version. They are the same on both engines, so the
// set's own files say them, in a database in memory.
func expectedKeys(ctx context.Context, subject *finding.Subject) (keys []*foreignKey, err error) {
	if subject.Set == nil || !slices.Contains(subject.Set.Engines(), engine.SQLite) {
		return nil, nil
	}
	state, err := schema.ReadState(ctx, subject.Session)
	if err != nil || state.Version != subject.Set.Version() {
		return nil, err
	}
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: ":memory:"}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if _, err := schema.Prepare(ctx, session, subject.Set, schema.Options{Databases: subject.Logical}); err != nil {
		return nil, err
	}
	keys, err = tablesOf(session).foreignKeys(ctx)
	for _, key := range keys {
		key.declared, key.validated = false, false
	}
	return keys, err
}
