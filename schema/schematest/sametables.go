package schematest

import (
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// SameTables creates the set in each of these databases, which have to be empty and of different engines, and fails the
// test where their tables or columns differ by name. except lists what may: "table", or "table.column". An exception
// that is none fails too, so that the list cannot rot.
func SameTables(t testing.TB, set *schema.Set, sessions []engine.Session, except ...string) {
	t.Helper()
	comparison := comparison{found: map[string][]engine.Kind{}}
	for _, session := range sessions {
		if _, err := schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
			t.Fatal(err)
		}
		catalog, err := session.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		comparison.add(session.Engine(), catalog)
	}
	for _, problem := range comparison.problems(except) {
		t.Error(problem)
	}
}

// comparison knows which engines have which tables and columns.
type comparison struct {
	engines []engine.Kind
	found   map[string][]engine.Kind
}

func (c *comparison) add(kind engine.Kind, catalog *engine.Catalog) {
	c.engines = append(c.engines, kind)
	for _, table := range catalog.Tables {
		// Engines fold the case of names in different ways, and none tells names apart by it that are not quoted.
		name := strings.ToLower(table.Name)
		c.found[name] = append(c.found[name], kind)
		for _, column := range table.Columns {
			name := name + "." + strings.ToLower(column.Name)
			c.found[name] = append(c.found[name], kind)
		}
	}
}

func (c *comparison) problems(except []string) []string {
	var problems []string
	for name, kinds := range c.found {
		if len(kinds) == len(c.engines) || slices.Contains(except, name) || slices.Contains(except, tableOf(name)) {
			continue
		}
		problems = append(problems, name+" is not on every engine, only on "+join(kinds))
	}
	for _, name := range except {
		if c.same(name) {
			problems = append(problems, name+" is listed as an exception, and is the same on every engine")
		}
	}
	slices.Sort(problems)
	return problems
}

// same reports whether all engines agree about a table with its columns, or about a column.
func (c *comparison) same(name string) bool {
	for candidate, kinds := range c.found {
		if (candidate == name || tableOf(candidate) == name) && len(kinds) < len(c.engines) {
			return false
		}
	}
	return true
}

// tableOf is what stands before the dot; a table's own name stands for itself.
func tableOf(name string) string {
	table, _, _ := strings.Cut(name, ".")
	return table
}

func join(kinds []engine.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, " and ")
}
