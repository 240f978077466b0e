package postgres

import "strings"

// QuoteLiteral writes a text as a literal, for the few statements that take no parameters. It is right whatever
// standard_conforming_strings says.
func QuoteLiteral(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
