package schema

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// reader reads a set and collects everything that is wrong with it.
type reader struct {
	set      *Set
	problems []string
}

func (r *reader) reject(place, problem string, values ...any) {
	text := fmt.Sprintf(problem, values...)
	if place != "" {
		text = place + ": " + text
	}
	if !slices.Contains(r.problems, text) { // each engine reads the files that are for all
		r.problems = append(r.problems, text)
	}
}

func (r *reader) warn(place, problem string) {
	if text := place + ": " + problem; !slices.Contains(r.set.warnings, text) {
		r.set.warnings = append(r.set.warnings, text)
	}
}

// readDatabases finds the logical databases, or checks those that were named.
func (r *reader) readDatabases() {
	definition := &r.set.definition
	var folders []string
	for _, entry := range r.list(".") {
		if entry.IsDir() && entry.Name() != Common {
			folders = append(folders, entry.Name())
		}
	}
	r.set.databases = definition.Databases
	if len(definition.Databases) == 0 {
		r.set.databases = folders
	}
	for _, database := range r.set.databases {
		if !slices.Contains(folders, database) {
			r.reject(database, "there is no such folder, which the logical database %q needs", database)
		}
	}
	if !r.set.own() {
		return
	}
	for _, folder := range folders {
		if !slices.Contains(r.set.databases, folder) {
			r.reject(folder, "no logical database has this name; add it to Databases, or remove the folder")
		}
	}
}

// list gives the entries of a folder; one that does not exist has none.
func (r *reader) list(folder string) []fs.DirEntry {
	entries, err := fs.ReadDir(r.set.definition.Files, folder)
	if err != nil && (folder == "." || !errors.Is(err, fs.ErrNotExist)) {
		r.reject(folder, "cannot be read: %v", err)
	}
	return entries
}

func (r *reader) readEngine(kind engine.Kind) *files {
	result := &files{snapshots: map[int][]*snapshot{}, names: map[string]string{}}
	for _, database := range append([]string{Common}, r.set.databases...) {
		r.readSnapshots(result, database, kind)
		r.readDeltas(result, database, kind)
	}
	for i := range r.set.definition.GoDeltas {
		r.addCode(result, &r.set.definition.GoDeltas[i])
	}
	slices.SortFunc(result.deltas, (*Delta).compare)
	for _, together := range result.snapshots {
		slices.SortFunc(together, func(a, b *snapshot) int {
			return cmp.Or(strings.Compare(path.Base(a.script.path), path.Base(b.script.path)), strings.Compare(a.script.path, b.script.path))
		})
	}
	r.checkSnapshots(result, kind)
	r.checkPython(result)
	result.bookkeeping = r.readBookkeeping(kind)
	return result
}

func (r *reader) readSnapshots(result *files, database string, kind engine.Kind) {
	root := path.Join(database, "full_schemas")
	for _, folder := range r.versions(root) {
		version, _ := readVersion(folder)
		for _, entry := range r.list(path.Join(root, folder)) {
			name := path.Join(root, folder, entry.Name())
			fileKind, only := readName(entry.Name())
			if r.set.own() && (entry.IsDir() || only == "" || entry.Name() != "full.sql."+string(only)) {
				r.reject(name, "a full schema is called full.sql.ENGINE, with sqlite, postgres or mysql")
				continue
			}
			if fileKind == sqlFile && (only == "" || only == kind) {
				if read := r.readScript(name, kind); read != nil {
					result.snapshots[version] = append(result.snapshots[version], &snapshot{database: database, script: read})
				}
			}
		}
	}
}

// versions lists the folders of a folder that are versions.
func (r *reader) versions(root string) []string {
	var found []string
	for _, entry := range r.list(root) {
		version, ok := readVersion(entry.Name())
		place := path.Join(root, entry.Name())
		switch {
		case ok && entry.IsDir() && version <= r.set.Version():
			found = append(found, entry.Name())
		case !r.set.own():
		case ok && entry.IsDir():
			r.reject(place, "the version is above that of the set, %d", r.set.Version())
		default:
			r.reject(place, "not a folder whose name is a version")
		}
	}
	return found
}

func (r *reader) readDeltas(result *files, database string, kind engine.Kind) {
	root := path.Join(database, "delta")
	for _, folder := range r.versions(root) {
		version, _ := readVersion(folder)
		for _, entry := range r.list(path.Join(root, folder)) {
			r.readDelta(result, &Delta{Database: database, Version: version, Name: entry.Name()}, entry, kind)
		}
	}
}

func (r *reader) readDelta(result *files, delta *Delta, entry fs.DirEntry, kind engine.Kind) {
	place := delta.path()
	fileKind, only := readName(delta.Name)
	if fileKind != ignoredFile {
		r.checkRepeated(result, delta)
	}
	if r.set.own() && (entry.IsDir() || fileKind != sqlFile || !ownDelta.MatchString(delta.Name)) {
		r.reject(place, "a delta is called NNname.sql or NNname.sql.ENGINE: two digits, a name, and sqlite, postgres or mysql")
		return
	}
	switch {
	case fileKind == pythonFile:
		delta.missing = true
		result.deltas = append(result.deltas, delta)
	case fileKind == ignoredFile:
	case fileKind != sqlFile:
		r.warn(place, "skipped, since it is neither SQL nor Python")
	case only != "" && !slices.Contains(r.set.definition.Engines, only):
		if r.set.own() {
			r.reject(place, "the set does not name the engine %s", only)
		} else {
			r.warn(place, "skipped, since it is for "+string(only))
		}
	case only == "" || only == kind:
		if delta.script = r.readScript(place, kind); delta.script != nil {
			result.deltas = append(result.deltas, delta)
		}
	}
}

func (r *reader) readScript(name string, kind engine.Kind) *script {
	content, err := fs.ReadFile(r.set.definition.Files, name)
	if err != nil {
		r.reject(name, "cannot be read: %v", err)
		return nil
	}
	read, err := readScript(name, string(content), kind, r.set.own())
	if syntax, ok := errors.AsType[*sqltext.SyntaxError](err); ok {
		r.reject(fmt.Sprintf("%s:%d:%d", name, syntax.Line, syntax.Column), "as %s reads it: %s", kind, syntax.Problem)
		return nil
	}
	if err != nil {
		r.reject(name, "%v", err)
		return nil
	}
	r.checkMarks(read, kind)
	return read
}

// addCode puts a Go delta in its place: by upstream's rules it gives a Python file its meaning.
func (r *reader) addCode(result *files, code *GoDelta) {
	for _, delta := range result.deltas {
		if delta.missing && delta.Database == code.Database && delta.Version == code.Version && delta.Name == code.Name {
			delta.missing, delta.code = false, code
			return
		}
	}
	if r.set.own() {
		delta := &Delta{Database: code.Database, Version: code.Version, Name: code.Name, code: code}
		r.checkRepeated(result, delta)
		result.deltas = append(result.deltas, delta)
	}
}

// readBookkeeping reads what makes the tables that remember what was applied.
func (r *reader) readBookkeeping(kind engine.Kind) *script {
	if !r.set.own() {
		return r.readScript(path.Join(Common, "schema_version.sql"), kind)
	}
	name := "bookkeeping/tables.sql"
	if kind == engine.MySQL {
		name += ".mysql" // where a key's text needs a length, and Lock is a keyword
	}
	content, err := bookkeepingFiles.ReadFile(name)
	if err != nil {
		r.reject(name, "%v", err)
		return nil
	}
	read, err := readScript(name, string(content), kind, true)
	if err != nil {
		r.reject(name, "%v", err)
	}
	return read
}
