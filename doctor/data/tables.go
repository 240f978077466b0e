package data

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// uniqueKey is what keeps the rows of a table apart, or should.
type uniqueKey struct {
	table string
	// index is its name; empty for a key that no index of the database holds.
	index string
	// parts are the columns and expressions, as SQL.
	parts []string
	// groups are the parts, with the collation by which the index tells them apart.
	groups []string
	// where is the condition of a partial index, as SQL; empty for all others.
	where string
	// nullsEqual says that two rows with NULL are the same to the index.
	nullsEqual bool
}

func (k *uniqueKey) String() string {
	return fmt.Sprintf("%s (%s)", k.table, strings.ReplaceAll(strings.Join(k.parts, ", "), `"`, ""))
}

// foreignKey points from rows of a table to those of another.
type foreignKey struct {
	name      string
	table     string
	columns   []string
	parent    string
	parentKey []string
	// declared says that the database knows the key; validated, that it has compared all rows with it.
	declared, validated bool
}

func (k *foreignKey) String() string {
	return fmt.Sprintf("%s (%s) -> %s (%s)", k.table, strings.Join(k.columns, ", "), k.parent, strings.Join(k.parentKey, ", "))
}

// same reports whether two keys say the same, whatever their names.
func (k *foreignKey) same(other *foreignKey) bool { return k.String() == other.String() }

// copyOf is one of several rows with the same key.
type copyOf struct {
	Place string `json:"place"`
	// Age is how many transactions ago it was written; -1 when that is not known.
	Age int64 `json:"age"`
	// Order is what the table itself says about which row is newer; nil when it says nothing.
	Order *int64 `json:"order"`
	// Sum is by what it is proved to be still the same; not filled for a look.
	Sum string `json:"-"`
	// Key is its key in words, without secrets.
	Key string `json:"-"`
}

// tables is what an engine knows of its tables.
type tables interface { //nolint:interfacebloat // each is something that both engines say in their own way
	// apart runs work while queries do not use indexes and spill what does not fit into memory.
	apart(ctx context.Context, work func() error) error
	// uniqueKeys are those of all tables that the role may read.
	uniqueKeys(ctx context.Context) ([]*uniqueKey, error)
	// foreignKeys are those that the database knows.
	foreignKeys(ctx context.Context) ([]*foreignKey, error)
	// columns of each table.
	columns(ctx context.Context, table string) ([]string, error)
	// unreadable tables are those that the role may not read.
	unreadable(ctx context.Context) ([]string, error)
	// duplicates is a query for the places of rows with the same key: a JSON array for each key.
	duplicates(key *uniqueKey) string
	// copies is a query for place, age, order, sum and key of rows; its one value is a list of places, as placeList makes it.
	copies(key *uniqueKey, order string, columns []string) string
	placeList(places []string) string
	// orphans is a query for place and key of the rows of a table that point to nothing.
	orphans(key *foreignKey) string
	quote(name string) string
	// script writes the parts of a repair script.
	script() script
}

func tablesOf(from engine.Querier) tables {
	if from.Engine() == engine.Postgres {
		return &postgresTables{from: from}
	}
	return &sqliteTables{from: from}
}

// orders are the columns that tell which of two rows is newer, the best first.
func orders() []string {
	return []string{
		"received_ts", "last_active_ts", "last_access_ts", "last_seen", "last_updated_ts", "updated_ts", "ts_added_ms", "added_ts",
		"stream_ordering", "stream_id", "event_stream_ordering", "creation_ts", "created_ts", "added_at", "ts", "origin_server_ts",
	}
}

// keyText is an expression for the key of a row in words: the parts with their values, unless these may be secret.
func keyText(parts []string, asText func(part string) string) string {
	pieces := make([]string, len(parts))
	for i, part := range parts {
		label := strings.ReplaceAll(strings.ReplaceAll(part, `"`, ""), "'", "''")
		if isSecret(part) {
			pieces[i] = "'" + label + " (not shown)'"
		} else {
			pieces[i] = "'" + label + " = ' || coalesce(" + asText(part) + ", 'NULL')"
		}
	}
	return strings.Join(pieces, " || ', ' || ")
}

func describeUnreadable(ctx context.Context, known tables) ([]finding.Finding, error) {
	names, err := known.unreadable(ctx)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return []finding.Finding{{
		ID: TablesUnreadable, Severity: finding.Info, What: number(int64(len(names)), "table") + " could not be looked at: the right SELECT is missing",
		Meaning: "whether keys are there twice in them, or point to nothing, is not known", Evidence: names,
		Remedy: finding.Remedy{Text: "check as the owner of the tables, or give this role the right SELECT on them"},
	}}, nil
}
