package table

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// What the schema set is called, and the versions of its tables.
const (
	SetName       = "entity"
	Version       = 1
	CompatVersion = 1
)

//go:embed schema
var schemaFiles embed.FS

// Set is the schema set of this package: the logical database entity, on every engine.
func Set() (*schema.Set, error) { return readSet() }

var readSet = sync.OnceValues(func() (*schema.Set, error) {
	files, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return nil, fmt.Errorf("read the schema of entities: %w", err)
	}
	return schema.New(schema.Definition{
		Name: SetName, Version: Version, CompatVersion: CompatVersion,
		Engines: []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL},
		Files:   files,
	})
})
