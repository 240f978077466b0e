package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// readAll reads the files of all paths into the top level.
func (l *loader) readAll(paths []string) error {
	if len(paths) == 0 {
		return &engine.Error{Op: "load the configuration", Err: errors.New("no path was given"), Hint: "give homeserver.yaml or its directory"}
	}
	var problems []error
	for _, path := range paths {
		files, err := l.filesOf(path)
		problems = append(problems, err)
		for _, file := range files {
			problems = append(problems, l.readFile(file))
		}
	}
	return errors.Join(problems...)
}

// filesOf lists the files of a path. Of a directory they are those the Python
// homeserver reads: direct regular files ending in .yaml, by name.
func (l *loader) filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &engine.Error{Op: "load the configuration", Err: err, Hint: "give homeserver.yaml or its directory"}
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("load the configuration: %w", err)
	}
	var files []string
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		if reason := whyLeftOut(file); reason != "" {
			l.note(file, reason)
			continue
		}
		files = append(files, file)
	}
	return files, nil
}

func whyLeftOut(file string) string {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "it cannot be looked at"
	case info.Mode().Type() != 0 && info.Mode().Type() != fs.ModeSymlink:
		return "it is not a regular file"
	case !strings.HasSuffix(file, ".yaml"):
		return "its name does not end in .yaml"
	}
	return ""
}

func (l *loader) note(file, reason string) {
	l.config.Notes = append(l.config.Notes, fmt.Sprintf("%s is not read: %s", file, reason))
}

// readFile merges one file: its top-level keys replace those of earlier files.
func (l *loader) readFile(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("load the configuration: %w", err)
	}
	parsed, err := parse(file, data)
	if err != nil {
		return err
	}
	if parsed.reason != "" {
		l.note(file, parsed.reason)
		return nil
	}
	l.config.Files = append(l.config.Files, file)
	entries, repeated := parsed.entries(parsed.root)
	for _, key := range repeated {
		l.warn(key.position, engine.PrintableKey(key.name), "the key is given more than once; the last one counts")
	}
	for _, entry := range entries {
		l.top[entry.name] = entry
	}
	return nil
}
