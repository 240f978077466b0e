package port

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
)

// kinds of objects that are set aside while the tables are filled.
const (
	kindIndex      = "index"
	kindForeignKey = "foreign_key"
	kindTrigger    = "trigger"
	kindSequence   = "sequence" // where it stood before the first port
)

// objectID names an object of a table.
type objectID struct{ kind, table, name string }

// record is what was set aside and has to be put back, by the tables it belongs to.
type record struct {
	indexes     map[string][]*catalog.Index
	triggers    map[string][]*catalog.Trigger
	foreignKeys []*catalog.ForeignKey
	sequences   []*catalog.Sequence
}

const selectObjects = `SELECT kind, table_name, definition::text FROM synapse_port.object ORDER BY kind, table_name, name`

// readRecord reads what stands in the target.
func readRecord(ctx context.Context, conn catalog.Queryer) (*record, error) {
	rows, err := conn.Query(ctx, selectObjects)
	if err != nil {
		return nil, err
	}
	read := &record{indexes: map[string][]*catalog.Index{}, triggers: map[string][]*catalog.Trigger{}}
	var kind, table, definition string
	_, err = pgx.ForEachRow(rows, []any{&kind, &table, &definition}, func() error {
		return read.add(kind, table, definition)
	})
	return read, err
}

func (r *record) add(kind, table, definition string) error {
	switch kind {
	case kindIndex:
		index := &catalog.Index{}
		r.indexes[table] = append(r.indexes[table], index)
		return json.Unmarshal([]byte(definition), index)
	case kindTrigger:
		trigger := &catalog.Trigger{}
		r.triggers[table] = append(r.triggers[table], trigger)
		return json.Unmarshal([]byte(definition), trigger)
	case kindSequence:
		sequence := &catalog.Sequence{}
		r.sequences = append(r.sequences, sequence)
		return json.Unmarshal([]byte(definition), sequence)
	case kindForeignKey:
		key := &catalog.ForeignKey{}
		r.foreignKeys = append(r.foreignKeys, key)
		return json.Unmarshal([]byte(definition), key)
	}
	return fmt.Errorf("an unfinished port recorded a %q, which this version does not know", kind)
}

// complete adds to a schema what an unfinished port took away, and returns which objects those are. What that port
// had put back already is as it was recorded, too: a foreign key may still be waiting to be validated.
func (r *record) complete(schema *catalog.Schema, left stage) map[objectID]bool {
	absent := map[objectID]bool{}
	if left != stageComplete {
		r.completeSequences(schema)
	}
	for _, table := range schema.Tables {
		r.completeIndexes(table, absent)
		for _, recorded := range r.triggers[table.Name] {
			for _, trigger := range table.Triggers {
				if trigger.Name == recorded.Name {
					trigger.Enabled = recorded.Enabled
				}
			}
		}
	}
	for _, recorded := range r.foreignKeys {
		found := false
		for i, key := range schema.ForeignKeys {
			if key.Table == recorded.Table && key.Name == recorded.Name {
				schema.ForeignKeys[i], found = recorded, true
			}
		}
		if !found {
			schema.ForeignKeys = append(schema.ForeignKeys, recorded)
			absent[objectID{kindForeignKey, recorded.Table, recorded.Name}] = true
		}
	}
	return absent
}

// completeSequences forgets how far an unfinished port moved them: its source may have had greater ids than this one.
func (r *record) completeSequences(schema *catalog.Schema) {
	for _, recorded := range r.sequences {
		if sequence := schema.Sequence(recorded.Name); sequence != nil {
			sequence.LastValue, sequence.IsCalled = recorded.LastValue, recorded.IsCalled
		}
	}
}

// completeIndexes knows an index of a constraint by the constraint: between its own creation and the constraint's
// it stands alone.
func (r *record) completeIndexes(table *catalog.Table, absent map[objectID]bool) {
	for _, recorded := range r.indexes[table.Name] {
		found := false
		for _, index := range table.Indexes {
			found = found || index.Name == recorded.Name
		}
		if !found {
			table.Indexes = append(table.Indexes, recorded)
			absent[objectID{kindIndex, table.Name, recorded.Name}] = true
		}
	}
}
