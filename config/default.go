package config

import (
	"fmt"
	"path/filepath"

	"github.com/synapsedb/synapse/engine"
)

// DefaultSQLiteFile is the database of a server without a configuration, in the working directory.
const DefaultSQLiteFile = "homeserver.db"

// Default is what there is without a configuration: one SQLite file in the working directory, and the default of every
// other setting.
func Default() (*Config, error) {
	path, err := filepath.Abs(DefaultSQLiteFile)
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	loader := &loader{config: &Config{}, top: map[string]section{}}
	loader.readGeneral()
	loader.readBackgroundUpdates()
	loader.config.Databases = []Database{{
		Label: "master", Name: "sqlite3", Engine: engine.SQLite, DataStores: allStores(), SQLitePath: path,
	}}
	return loader.config, nil
}
