// Package dump writes the entities of applications as lines of JSON, and reads them back byte for byte.
//
// It knows no database, and gives nothing of a file that is damaged, incomplete or of a newer form.
//
// Begin with Write and Read; docs/entity-cli.md describes the lines.
package dump
