package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// Each folder holds the files that its release adds; N+4 adds none.
//
//go:embed release-*
var files embed.FS

// release is one release of the server: what it says of its schema, and its code.
type release struct {
	name          string
	version       int // the schema that its code expects
	compatVersion int // the oldest code that still works with the database once this release has used it
	folders       []string
	reads         column
	writes        []column
}

// releaseN is where it begins.
func releaseN() release {
	return release{
		name: "N", version: 10, compatVersion: 10, folders: []string{"release-N"},
		reads: oldColumn, writes: []column{oldColumn},
	}
}

// releaseN1 adds the column, and writes it. The release before may still add rows without it, and may change old_column
// alone, which leaves a wrong value in new_column.
func releaseN1() release {
	r := releaseN()
	r.name, r.version, r.folders = "N+1", 11, append(r.folders, "release-N+1")
	r.writes = []column{oldColumn, newColumn}
	return r
}

// releaseN2 has the column filled while the server works. What release N writes would be wrong afterwards, so it is kept
// out. The code is that of N+1.
func releaseN2() release {
	r := releaseN1()
	r.name, r.version, r.compatVersion, r.folders = "N+2", 12, 11, append(r.folders, "release-N+2")
	return r
}

// releaseN3 reads the new column, and so needs it filled. The release before reads the old one, which has to be written.
func releaseN3() release {
	r := releaseN2()
	r.name, r.version, r.folders = "N+3", 13, append(r.folders, "release-N+3")
	r.reads = newColumn
	return r
}

// releaseN4 stops writing the old column. N+2 would miss it. The release before writes it, so it has to stay.
func releaseN4() release {
	r := releaseN3()
	r.name, r.version, r.compatVersion = "N+4", 14, 13
	r.writes = []column{newColumn}
	return r
}

// releaseN5 drops the old column, to which N+3 would write.
func releaseN5() release {
	r := releaseN4()
	r.name, r.version, r.compatVersion, r.folders = "N+5", 15, 14, append(r.folders, "release-N+5")
	return r
}

// set is the schema of a release.
func (r release) set() (*schema.Set, error) {
	own, err := r.files()
	if err != nil {
		return nil, err
	}
	definition := schema.Definition{
		Name: "newcolumn", Version: r.version, CompatVersion: r.compatVersion, Files: own,
		Engines: []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL},
	}
	if r.version >= 13 {
		definition.RequiredUpdates = []schema.RequiredUpdate{{Name: fillUpdate, Version: 13}, {Name: validateUpdate, Version: 13}}
		definition.GoDeltas = []schema.GoDelta{{Database: "main", Version: 13, Name: "01new_column_not_null.go", Create: makeNotNull}}
	}
	return schema.New(definition)
}

// files are those of the release and of all before it, as they would lie in one folder of a real server.
func (r release) files() (fs.FS, error) {
	all := fstest.MapFS{}
	for _, folder := range r.folders {
		err := fs.WalkDir(files, folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := files.ReadFile(path)
			all[strings.TrimPrefix(path, folder+"/")] = &fstest.MapFile{Data: data}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the files of %s: %w", folder, err)
		}
	}
	return all, nil
}

// makeNotNull is for SQLite, which cannot alter a column; the other engines have files of the same name. A table to which
// others have foreign keys would need GoDelta.KeysUnchecked too.
func makeNotNull(ctx context.Context, tx engine.Tx) error {
	if tx.Engine() != engine.SQLite {
		return nil
	}
	return sqlite.RewriteTable(ctx, tx, sqlite.Rewrite{
		Table:      "items",
		Definition: "(item_id BIGINT NOT NULL, old_column BIGINT, new_column BIGINT NOT NULL, PRIMARY KEY (item_id))",
		Columns:    []sqlite.RewriteColumn{{Name: "item_id"}, {Name: "old_column"}, {Name: "new_column"}},
	})
}
