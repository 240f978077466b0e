package mysql

import "strings"

// QuoteIdentifier quotes a name for use in a statement.
func QuoteIdentifier(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
