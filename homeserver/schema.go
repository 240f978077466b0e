package homeserver

import (
	"embed"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

const (
	// SetName is the name of this schema set; MarkerTable holds it in one row.
	SetName = "homeserver"
	// MarkerTable names the schema set a database belongs to. Upstream's
	// databases do not have it.
	MarkerTable = "schema_set"
	// Version is the version of the schema that a new database gets. Ours start
	// at 10001, so that upstream refuses our databases by its own rule.
	Version = 10001
	// CompatVersion is the oldest version of this schema whose code may open the
	// database.
	CompatVersion = 10001
	// GuardCompatVersion is the compat version of a database that is being
	// filled: greater than any version, so that no server starts on it.
	GuardCompatVersion = 2147483647
)

// logicalDatabases are created in this order.
var logicalDatabases = [...]string{"common", "main", "state"}

//go:embed schema
var schemaFiles embed.FS

// fullSchema reads the file that creates one logical database.
func fullSchema(database string, kind engine.Kind) (string, error) {
	path := fmt.Sprintf("schema/%s/full_schemas/%d/full.sql.%s", database, Version, kind)
	content, err := schemaFiles.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the full schema of %s for %s: %w", database, kind, err)
	}
	return string(content), nil
}

// NotEmptyError says that a database cannot be created where one already is.
type NotEmptyError struct {
	// Engine is the engine of the database.
	Engine engine.Kind
	// Table is one of the tables that are there.
	Table string
	// Tables is how many there are.
	Tables int
}

// Error names a table that is there and says what to do.
func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("create the homeserver schema: the %s database already has %d tables, among them %s; "+
		"give an empty database, and look into this one before you delete it", e.Engine, e.Tables, e.Table)
}
