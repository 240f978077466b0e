// Package tables moves all tables of a schema set from one database into another, on SQLite, PostgreSQL, MySQL or MariaDB, and proves that
// both are equal. It never writes to the source, and never over rows that it has not written itself. Begin with Move.
package tables
