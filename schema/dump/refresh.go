package dump

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/schema"
)

// Create makes a new database of a set with these logical databases, and finishes its background updates. All are on the
// same engine. The caller of Refresh and Keep removes them.
type Create func(ctx context.Context, set *schema.Set, logical []string) (*Database, error)

// Refresh gives the full schemas of a set's version on one engine from new databases. Where the set has an older full
// schema, they are what the deltas make of that, whether or not there is a full schema of the version.
func Refresh(ctx context.Context, set *schema.Set, create Create) ([]File, error) {
	base, err := withoutNewest(set)
	if err != nil {
		return nil, err
	}
	databases, err := createApart(ctx, base, create)
	if err != nil {
		return nil, err
	}
	return Make(ctx, Options{Set: base, Databases: databases})
}

// createApart makes a database for each logical one, and one for common.
func createApart(ctx context.Context, set *schema.Set, create Create) ([]Database, error) {
	var databases []Database
	for _, logical := range append([]string{""}, set.Databases()...) {
		held := []string{}
		if logical != "" {
			held = append(held, logical)
		}
		database, err := create(ctx, set, held)
		if err != nil {
			return nil, fmt.Errorf("make a database of %s: %w", strings.Join(append(held, schema.Common), " and "), err)
		}
		databases = append(databases, *database)
	}
	return databases, nil
}

// Keep puts the files of a folder in the place of those that were dumped, where the folder's are files that make the same
// database: they may be in another order and hold comments, which no database keeps. It gives the paths of those that it
// has kept.
func Keep(ctx context.Context, set *schema.Set, files []File, folder fs.FS, create Create) (kept []string, err error) {
	there := map[string][]byte{}
	for _, file := range files {
		content, err := fs.ReadFile(folder, file.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil // a full schema is all of its files
		case err != nil:
			return nil, err
		case !bytes.Equal(content, file.Content):
			there[file.Path] = content
		}
	}
	if len(there) == 0 {
		return nil, nil
	}
	made, err := dumpOf(ctx, set, files, there, create)
	if err != nil {
		return nil, err
	}
	for i := range files {
		same := slices.ContainsFunc(made, func(f File) bool { return f.Path == files[i].Path && bytes.Equal(f.Content, files[i].Content) })
		if content, differs := there[files[i].Path]; differs && same {
			files[i].Content = content
			kept = append(kept, files[i].Path)
		}
	}
	return kept, nil
}

// dumpOf dumps what a full schema makes, in which some files take the place of those that were dumped. A full schema that
// cannot be used makes nothing.
func dumpOf(ctx context.Context, set *schema.Set, files []File, instead map[string][]byte, create Create) ([]File, error) {
	changed := map[string][]byte{}
	for _, file := range files {
		changed[file.Path] = file.Content
	}
	maps.Copy(changed, instead)
	with, err := withFiles(set, nil, changed)
	if err != nil {
		return nil, ignoreSetError(err)
	}
	databases, err := createApart(ctx, with, create)
	if err == nil {
		return Make(ctx, Options{Set: with, Databases: databases})
	}
	if _, wrong := errors.AsType[*schema.StepError](err); wrong && context.Cause(ctx) == nil {
		return nil, nil
	}
	return nil, err
}

func ignoreSetError(err error) error {
	if _, wrong := errors.AsType[*schema.SetError](err); wrong {
		return nil
	}
	return err
}

// withoutNewest is the set without full schemas of its version, if there are older ones.
func withoutNewest(set *schema.Set) (*schema.Set, error) {
	newest := strconv.Itoa(set.Version())
	entries, err := fs.ReadDir(set.Files(), schema.Common+"/full_schemas")
	if errors.Is(err, fs.ErrNotExist) {
		entries, err = fs.ReadDir(set.Files(), set.Databases()[0]+"/full_schemas")
	}
	if err != nil {
		return nil, fmt.Errorf("list the full schemas: %w", err)
	}
	older := slices.ContainsFunc(entries, func(entry fs.DirEntry) bool {
		version, err := strconv.Atoi(entry.Name())
		return err == nil && version < set.Version()
	})
	if !older || !slices.ContainsFunc(entries, func(entry fs.DirEntry) bool { return entry.Name() == newest }) {
		return set, nil
	}
	return withFiles(set, func(name string) bool { return strings.Contains("/"+name, "/full_schemas/"+newest+"/") }, nil)
}

// withFiles is a set without some files, and with others.
func withFiles(set *schema.Set, without func(name string) bool, added map[string][]byte) (_ *schema.Set, err error) {
	folder, err := os.MkdirTemp("", "synapse-schema-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }() // the set has read all of it
	err = fs.WalkDir(set.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || without != nil && without(name) {
			return err
		}
		content, err := fs.ReadFile(set.Files(), name)
		if err != nil {
			return err
		}
		return put(folder, name, content)
	})
	if err != nil {
		return nil, err
	}
	for name, content := range added {
		if err := put(folder, name, content); err != nil {
			return nil, err
		}
	}
	return set.With(os.DirFS(folder))
}

func put(folder, name string, content []byte) error {
	path := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}
