// Package relocale moves a PostgreSQL database whose locale is not C into a new one with C, by pg_dump and pg_restore, and proves that
// both are equal. It never changes a row of the old database, never drops what it did not make, and leaves the old one as it is,
// closed to connections. Begin with Run, and with Undo to go back.
package relocale
