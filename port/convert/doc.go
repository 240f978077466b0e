// Package convert turns values as SQLite stores them into what a PostgreSQL column
// holds, in the binary form that COPY takes.
//
// It never loses anything silently: what changes class without loss is counted, what
// could be repaired is repaired and named, what cannot be converted is named and the
// row left to the caller. It reads no database and has no policy of its own.
//
// Begin with NewEncoder.
package convert
