// Package sqltext splits files of SQL into statements, and looks at their first words, for the three engines.
// It never checks whether a statement is valid and never changes one, apart from Bind, which numbers the "?" of a
// statement for PostgreSQL; what it cannot split with certainty is a SyntaxError.
// Begin with Split.
//
// It reads text as the engines do by default: with standard_conforming_strings on (PostgreSQL), and with neither
// ANSI_QUOTES, NO_BACKSLASH_ESCAPES nor ORACLE in sql_mode (MySQL and MariaDB).
package sqltext
