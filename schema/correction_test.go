package schema_test

import (
	"errors"
	"testing"

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
