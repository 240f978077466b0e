package main

import (
	"context"
	"embed"
	"io/fs"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// A real server has one of these folders in each release, under the same name. Here are three releases side by side.
//
//go:embed release-1.36 release-1.37 release-1.38
var files embed.FS

// release is one release of the server: what it says of its schema, and its code.
type release struct {
	name          string
	version       int // the schema that its code expects
	compatVersion int // the oldest code that still works with the database once this release has used it
	folder        string
	count         func(ctx context.Context, tx engine.Tx, room string, day int) error
}

// v136 is where it begins. Nothing reads room_stats_historical any more, but the release before this one did: so it goes
// on writing.
func v136() release {
	return release{name: "v1.36.0", version: 59, compatVersion: 59, folder: "release-1.36", count: countInBoth}
}

// v137 stops writing. The code expects something else of the data, so the version grows, though no file belongs to it. The
// table has to stay: v1.36.0 would still write to it.
func v137() release {
	return release{name: "v1.37.0", version: 60, compatVersion: 59, folder: "release-1.37", count: countInCurrent}
}

// v138 drops the table. The code is that of v1.37.0, so the version stays; v1.36.0 would fail, so the compat version grows.
func v138() release {
	return release{name: "v1.38.0", version: 60, compatVersion: 60, folder: "release-1.38", count: countInCurrent}
}

// set is the schema of a release.
func (r release) set() (*schema.Set, error) {
	own, err := fs.Sub(files, r.folder)
	if err != nil {
		return nil, err
	}
	return schema.New(schema.Definition{
		Name: "gradual", Version: r.version, CompatVersion: r.compatVersion, Files: own,
		Engines: []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL},
	})
}
