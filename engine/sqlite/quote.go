package sqlite

import "strings"

// QuoteIdentifier returns name as SQL text that SQLite takes for an identifier, whatever characters it holds.
// A NUL cannot be part of SQL text; SQLite reports it as an unterminated identifier.
func QuoteIdentifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
