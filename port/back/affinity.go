package back

import (
	"strings"

	"github.com/synapsedb/synapse/port/convert"
)

// affinity is what SQLite prefers to store in a column.
type affinity int

const (
	affinityInteger affinity = iota
	affinityText
	affinityNone
	affinityReal
	affinityNumeric
)

// affinityOf follows https://www.sqlite.org/datatype3.html#determination_of_column_affinity.
func affinityOf(declared string) affinity {
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(strings.ToUpper(declared), word) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return affinityInteger
	case has("CHAR", "CLOB", "TEXT"):
		return affinityText
	case has("BLOB"), declared == "":
		return affinityNone
	case has("REAL", "FLOA", "DOUB"): //nolint:misspell // the rule's own beginnings of words
		return affinityReal
	}
	return affinityNumeric
}

// holds reports whether a column keeps every value of a kind as it is. JSON is let through: only one that is a mere number would
// become one in a column declared JSONB, as it does when the homeserver itself writes it.
func holds(column affinity, kind convert.Kind) bool {
	switch kind {
	case convert.Bool, convert.Int2, convert.Int4, convert.Int8:
		return column != affinityText && column != affinityReal
	case convert.Float8:
		return column == affinityReal || column == affinityNone
	case convert.Text:
		return column == affinityText || column == affinityNone
	case convert.Bytea, convert.JSON, convert.JSONB:
		return true
	case convert.Unknown:
	}
	return false
}
