package docs_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/port/tables"
)

// Whatever a move of tables refuses, finds and reports is on its page.
func TestMoveOfTablesIsDescribed(t *testing.T) {
	t.Parallel()
	page, folder := read(t, "port-tables.md"), "../port/tables"
	for _, name := range slices.Concat(
		constants(t, folder, "ProblemID"), constants(t, folder, "Class"), constants(t, folder, "Result"), constants(t, folder, "Phase"),
		jsonNames(reflect.TypeFor[tables.Report](), ""), jsonNames(reflect.TypeFor[tables.Side](), "source."), jsonNames(reflect.TypeFor[tables.Step](), "steps."),
		jsonNames(reflect.TypeFor[tables.TableReport](), "tables."), jsonNames(reflect.TypeFor[tables.CounterReport](), "counters."),
		jsonNames(reflect.TypeFor[tables.ValueCount](), "values."), jsonNames(reflect.TypeFor[tables.BadValue](), "bad_values."),
		jsonNames(reflect.TypeFor[tables.KeyValue](), "bad_values.key."),
	) {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("no page describes %s", name)
		}
	}
}
