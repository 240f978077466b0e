// Package pgprogram runs PostgreSQL's own programs for clients, pg_dump and pg_restore. It never shows a password: that reaches them by their
// environment, and no shell is in between. Begin with New, then On and Run.
package pgprogram
