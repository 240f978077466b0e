package schema_test

import (
	"errors"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

func TestStatementThatFailedIsRepeatedAfterSomebodyCorrectedTheTables(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, latest)
		execute(t, place, "ALTER TABLE authors ADD COLUMN born VARCHAR(10)") // by hand, and in the way
		born := with("main/delta/6/08born.sql", "ALTER TABLE authors ADD COLUMN born INTEGER;\nUPDATE authors SET born = 1929 WHERE author_id = 1;")
		_, err := tryPrepare(t, place, newSet(t, library(latest, born)), schema.Options{})
		if _, isStep := errors.AsType[*schema.StepError](err); !isStep {
			t.Fatalf("the error is %v", err)
		}
		execute(t, place, "ALTER TABLE authors DROP COLUMN born")
		prepare(t, place, latest, born)
		if catalog(t, place).Table("authors").Column("born") == nil {
			t.Error("the statement is taken as done")
		}
	})
}

func TestStepThatFailsAtItsCommitIsNamed(t *testing.T) {
	t.Parallel()
	for kind, text := range map[engine.Kind]string{
		engine.SQLite: "-- synapse: keys-unchecked\nINSERT INTO books (book_id, author_id, title) VALUES (9, 99, 'nobody');",
		engine.Postgres: "ALTER TABLE books ADD FOREIGN KEY (author_id) REFERENCES authors DEFERRABLE INITIALLY DEFERRED;\n" +
			"ALTER TABLE books DROP CONSTRAINT books_author_id_fkey;\nINSERT INTO books (book_id, author_id, title) VALUES (9, 99, 'nobody');",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := newAddress(t, kind)
			prepare(t, place, latest)
			set := newSet(t, library(latest, with("main/delta/6/08nobody.sql."+string(kind), text)))
			failed := refused[*schema.StepError](t, place, set, schema.Options{})
			if failed.Place != "main/delta/6/08nobody.sql."+string(kind) {
				t.Errorf("the error is %v", failed)
			}
		})
	}
}
