// Package copybinary speaks the binary format of PostgreSQL's COPY: it frames rows
// that are already encoded and splits a stream back into rows without decoding them.
//
// It knows nothing of types and opens no connection.
//
// Begin with AppendHeader and AppendField for writing, with Splitter for reading.
// The format is documented in PostgreSQL's manual under COPY, "Binary Format".
package copybinary
