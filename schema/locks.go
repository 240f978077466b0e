package schema

import (
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// lockOf says what a statement, of which the first words are given, keeps others from; "" is nothing worth a word. What
// PostgreSQL takes is in its documentation of explicit locking (https://www.postgresql.org/docs/current/explicit-locking.html).
func lockOf(kind engine.Kind, words []string) string {
	switch kind {
	case engine.Postgres:
		return postgresLock(words)
	case engine.MySQL:
		return mysqlLock(words)
	default:
		return "the whole database: others can read, none can write, until the step is done"
	}
}

func postgresLock(words []string) string {
	concurrently := slices.Contains(words, "CONCURRENTLY")
	object := objectOf(words)
	switch {
	case len(words) == 0:
		return ""
	case concurrently:
		return object + ": nobody waits (it is done beside reads and writes)"
	case words[0] == "ALTER" && slices.Contains(words, "TABLE"), words[0] == "DROP", words[0] == "TRUNCATE", words[0] == "CLUSTER",
		words[0] == "VACUUM" && slices.Contains(words, "FULL"), words[0] == "REINDEX":
		return object + ": reads and writes wait (ACCESS EXCLUSIVE)"
	case words[0] == "CREATE" && slices.Contains(words, "INDEX"):
		return indexedTable(words) + ": writes wait, reads go on (SHARE)"
	case words[0] == "CREATE" && slices.Contains(words, "TRIGGER"):
		return indexedTable(words) + ": writes wait, reads go on (SHARE ROW EXCLUSIVE)"
	case words[0] == "UPDATE", words[0] == "DELETE":
		return object + ": the rows it changes (ROW EXCLUSIVE)"
	}
	return ""
}

func mysqlLock(words []string) string {
	switch {
	case len(words) == 0:
		return ""
	case slices.Contains([]string{"ALTER", "DROP", "TRUNCATE", "RENAME", "OPTIMIZE"}, words[0]):
		return objectOf(words) + ": waits for transactions that use it, and they wait for it (metadata lock)"
	case words[0] == "CREATE" && slices.Contains(words, "INDEX"):
		return indexedTable(words) + ": built beside reads and writes; waits for transactions at its begin and end (metadata lock)"
	case words[0] == "UPDATE", words[0] == "DELETE":
		return objectOf(words) + ": the rows it changes"
	}
	return ""
}

// fillers are words that stand between a statement's verb and the name of its object.
func fillers() []string {
	return []string{
		"TABLE", "INDEX", "VIEW", "MATERIALIZED", "SEQUENCE", "TRIGGER", "FUNCTION", "IF", "NOT", "EXISTS", "ONLY", "FROM", "UNIQUE",
		"CONCURRENTLY", "FULL", "CREATE", "ALTER", "DROP", "DELETE", "UPDATE", "TRUNCATE", "CLUSTER", "VACUUM", "REINDEX", "RENAME", "OPTIMIZE", "SCHEMA",
	}
}

func objectOf(words []string) string {
	for _, word := range words {
		if !slices.Contains(fillers(), strings.ToUpper(word)) {
			return word
		}
	}
	return "an object"
}

// indexedTable is the name after ON.
func indexedTable(words []string) string {
	if at := slices.Index(words, "ON"); at >= 0 && at+1 < len(words) {
		return objectOf(words[at+1:])
	}
	return objectOf(words)
}
