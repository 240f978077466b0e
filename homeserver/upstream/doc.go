// Package upstream makes a schema set of upstream's own schema directory, so that its databases can be created and
// upgraded exactly as its server would; what its Python deltas of schema 72 and later do is done here in Go.
// It never runs Python, never reads outside of the directory, and never guesses: a version that cannot be read is an
// error, and a Python delta that is not known is refused by package schema, by name, before anything is written.
// Begin with Find for the directory, then Open, then schema.Prepare with a homeserver.Config.
package upstream
