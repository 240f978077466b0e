package dump

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// entry is one statement of a dump.
type entry struct {
	// owner is the object that the statement belongs to: a table for its rows, indexes and triggers.
	owner string
	text  string // without ";"
	row   bool
}

func relation(name string) string { return "table " + name }
func routine(name string) string  { return "routine " + name }
func typeName(name string) string { return "type " + name }

// namesOf lists owners, each once.
func namesOf(entries []entry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.owner)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// subtract gives what is left of entries without those of taken, and those of taken that entries lack.
func subtract(entries, taken []entry) (rest, missing []entry) {
	counts := map[entry]int{}
	for _, e := range taken {
		counts[e]++
	}
	for _, e := range entries {
		if counts[e] > 0 {
			counts[e]--
			continue
		}
		rest = append(rest, e)
	}
	for _, e := range taken {
		if counts[e] > 0 {
			counts[e]--
			missing = append(missing, e)
		}
	}
	return rest, missing
}

// sortRows orders the rows that follow each other, whatever order the engine keeps them in.
func sortRows(entries []entry) {
	for begin := 0; begin < len(entries); {
		end := begin + 1
		for end < len(entries) && entries[begin].row && entries[end].row && entries[end].owner == entries[begin].owner {
			end++
		}
		slices.SortFunc(entries[begin:end], func(a, b entry) int { return compareNumbers(a.text, b.text) })
		begin = end
	}
}

// compareNumbers compares texts so that 2 comes before 10.
func compareNumbers(a, b string) int {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if first, second := digits(a[i:]), digits(b[j:]); first != "" && second != "" {
			first, second := strings.TrimLeft(first, "0"), strings.TrimLeft(second, "0")
			if order := cmp.Or(cmp.Compare(len(first), len(second)), strings.Compare(first, second)); order != 0 {
				return order
			}
			i, j = i+len(digits(a[i:])), j+len(digits(b[j:]))
			continue
		}
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
		i, j = i+1, j+1
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func digits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}

// render writes the file.
func render(kind engine.Kind, logical string, version int, entries []entry) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "-- The logical database %s, version %d, on %s. `synapse schema dump` wrote it.\n", logical, version, kind)
	for _, statement := range preamble(kind, entries) {
		fmt.Fprintf(&text, "\n%s;\n", statement)
	}
	for i, e := range entries {
		if i == 0 || !e.row || !entries[i-1].row || e.owner != entries[i-1].owner {
			text.WriteString("\n")
		}
		text.WriteString(e.text + ";\n")
	}
	return text.Bytes()
}

// preamble is what has to come first: SQLite checks a row's keys at once unless told, and PostgreSQL the body of a routine.
func preamble(kind engine.Kind, entries []entry) []string {
	var rows, keys, routines bool
	for _, e := range entries {
		upper := strings.ToUpper(e.text)
		rows = rows || e.row
		keys = keys || !e.row && strings.Contains(upper, "REFERENCES")
		routines = routines || strings.HasPrefix(e.owner, routine("")) && strings.Contains(upper, "LANGUAGE SQL")
	}
	switch {
	case kind == engine.SQLite && rows && keys:
		return []string{"PRAGMA defer_foreign_keys = ON"}
	case kind == engine.Postgres && routines:
		return []string{"SET LOCAL check_function_bodies = false"}
	}
	return nil
}
