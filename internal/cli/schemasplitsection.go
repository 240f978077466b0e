package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/synapsedb/synapse/config"
)

// splitSection is the section databases for homeserver.yaml after a split: what its files say now, with the new database.
// Passwords are not shown.
func splitSection(loaded *config.Config, source config.Database, to *config.Config) (string, error) {
	now, err := sectionsOf(loaded)
	if err != nil {
		return "", err
	}
	added, err := sectionsOf(to)
	if err != nil {
		return "", err
	}
	label := "state"
	for slices.ContainsFunc(now, func(item yaml.MapItem) bool { return item.Key == label }) {
		label += "_database"
	}
	var databases yaml.MapSlice
	for _, item := range now {
		if item.Key == source.Label {
			item.Value = storing(item.Value, "main")
		}
		databases = append(databases, item)
	}
	databases = append(databases, yaml.MapItem{Key: label, Value: storing(added[0].Value, "state")})
	text, err := yaml.MarshalWithOptions(yaml.MapSlice{{Key: "databases", Value: databases}}, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write the section databases: %w", err)
	}
	return string(text), nil
}

// sectionsOf reads the sections of databases by label as they stand in the file that decides, without passwords.
func sectionsOf(loaded *config.Config) (yaml.MapSlice, error) {
	file := loaded.Databases[0].Position.File
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var top yaml.MapSlice
	// Its own error would show the lines around the place.
	if err := yaml.UnmarshalWithOptions(content, &top, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("read the database section of %s again", file)
	}
	for _, item := range top {
		switch value := item.Value.(type) {
		case yaml.MapSlice:
			if item.Key == "databases" {
				for i := range value {
					value[i].Value = withoutSecrets(value[i].Value, file)
				}
				return value, nil
			}
			if item.Key == "database" {
				return yaml.MapSlice{{Key: "master", Value: withoutSecrets(value, file)}}, nil
			}
		case string:
			if item.Key == "database_path" {
				args := yaml.MapSlice{{Key: "database", Value: value}}
				return yaml.MapSlice{{Key: "master", Value: yaml.MapSlice{{Key: "name", Value: "sqlite3"}, {Key: "args", Value: args}}}}, nil
			}
		}
	}
	return nil, fmt.Errorf("read the database section of %s again: it is no longer there", file)
}

// withoutSecrets replaces what may hold a password by where it stands.
func withoutSecrets(section any, file string) any {
	keys, isMapping := section.(yaml.MapSlice)
	if !isMapping {
		return section
	}
	shown := slices.Clone(keys)
	for i, item := range shown {
		switch item.Key {
		case "args":
			shown[i].Value = withoutSecrets(item.Value, file)
		case "password", "sslpassword", "dsn":
			shown[i].Value = fmt.Sprintf("(copy it from %s)", file)
		default: // a name of a database may be a whole connection string
			if text, isText := item.Value.(string); isText && (strings.Contains(text, "://") || strings.Contains(text, "password")) {
				shown[i].Value = fmt.Sprintf("(copy it from %s)", file)
			}
		}
	}
	return shown
}

// storing gives a section data_stores, after its name.
func storing(section any, logical string) any {
	keys, _ := section.(yaml.MapSlice)
	var stored yaml.MapSlice
	for _, item := range keys {
		if item.Key == "data_stores" {
			continue
		}
		stored = append(stored, item)
		if item.Key == "name" {
			stored = append(stored, yaml.MapItem{Key: "data_stores", Value: []string{logical}})
		}
	}
	return stored
}
