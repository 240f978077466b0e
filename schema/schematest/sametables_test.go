package schematest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	table := func(name string, columns ...string) engine.Table {
		made := engine.Table{Name: name}
		for _, column := range columns {
			made.Columns = append(made.Columns, engine.Column{Name: column})
		}
		return made
	}
	compared := comparison{found: map[string][]engine.Kind{}}
	compared.add(engine.SQLite, &engine.Catalog{Tables: []engine.Table{table("same", "a"), table("search", "words"), table("differs", "a", "b")}})
	compared.add(engine.Postgres, &engine.Catalog{Tables: []engine.Table{table("same", "a"), table("search", "vector"), table("differs", "a")}})
	want := []string{
		"differs.b is not on every engine, only on sqlite",
		"same is listed as an exception, and is the same on every engine",
	}
	if diff := cmp.Diff(want, compared.problems([]string{"search", "same"})); diff != "" {
		t.Error(diff)
	}
	if problems := compared.problems([]string{"search", "differs.b"}); len(problems) > 0 {
		t.Error(problems)
	}
}
