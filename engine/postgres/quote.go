package postgres

import "github.com/jackc/pgx/v5"

// QuoteIdentifier writes a name for use in SQL. It is the only function that
// does. U+0000, which no name can hold, is left out.
func QuoteIdentifier(name string) string { return pgx.Identifier{name}.Sanitize() }
