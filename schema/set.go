package schema

import (
	"io/fs"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// Set is a schema that was read and checked. It can be used by several goroutines.
type Set struct {
	definition Definition
	databases  []string
	engines    map[engine.Kind]*files
	warnings   []string
}

// files is what one engine gets.
type files struct {
	snapshots   map[int][]*snapshot // by version; what belongs together, in the order of execution
	deltas      []*Delta            // in the order of execution
	bookkeeping *script
	names       map[string]string // what is at each version, under "VERSION/NAME", and its path
}

// snapshot is the full schema of one logical database.
type snapshot struct {
	database string
	script   *script
}

// New reads the files of a definition and checks all of it. The error is a *SetError, which lists everything that is
// wrong with its place.
func New(definition Definition) (*Set, error) {
	r := &reader{set: &Set{definition: definition, engines: map[engine.Kind]*files{}}}
	r.checkDefinition()
	if len(r.problems) == 0 {
		r.readDatabases()
	}
	if len(r.problems) == 0 {
		for _, kind := range definition.Engines {
			r.set.engines[kind] = r.readEngine(kind)
		}
		r.checkGoDeltas()
	}
	if len(r.problems) > 0 {
		return nil, &SetError{Set: definition.Name, Problems: r.problems}
	}
	return r.set, nil
}

// Name tells the set from others.
func (s *Set) Name() string { return s.definition.Name }

// Version is the schema that the code expects.
func (s *Set) Version() int { return s.definition.Version }

// CompatVersion is the oldest code that may open a database which this code has used.
func (s *Set) CompatVersion() int { return s.definition.CompatVersion }

// Databases are the logical databases, without common.
func (s *Set) Databases() []string { return slices.Clone(s.databases) }

// Engines are those that the set has files for.
func (s *Set) Engines() []engine.Kind { return slices.Clone(s.definition.Engines) }

// Files are those that the set was read from.
func (s *Set) Files() fs.FS { return s.definition.Files }

// With is the same set with other files.
func (s *Set) With(files fs.FS) (*Set, error) {
	definition := s.definition
	definition.Files = files
	return New(definition)
}

// BookkeepingTables are those of a physical database that no full schema of the set creates, since Prepare does, or a
// background update that fails.
func (s *Set) BookkeepingTables() []string {
	elsewhere := []string{ModulesTable} // where modules put theirs is for the set to say
	if !s.own() {
		elsewhere = []string{UpdatesTable}
	}
	return missingFrom(BookkeepingTables(), elsewhere)
}

// Warnings tells of files that are skipped by upstream's rules.
func (s *Set) Warnings() []string { return slices.Clone(s.warnings) }

// Deltas are all steps for an engine, in the order in which they are applied.
func (s *Set) Deltas(kind engine.Kind) []*Delta {
	if s.engines[kind] == nil {
		return nil
	}
	return slices.Clone(s.engines[kind].deltas)
}

func (s *Set) own() bool { return s.definition.Rules == Own }

// files gives those of an engine, or an error that names the engines there are.
func (s *Set) files(kind engine.Kind) (*files, error) {
	found := s.engines[kind]
	if found == nil {
		return nil, &EngineError{Set: s.Name(), Engine: kind, Engines: s.Engines()}
	}
	return found, nil
}

// newest is the greatest version of a full schema that is not above the code's; ok is false when there is none.
func (s *Set) newest(kind engine.Kind) (version int, ok bool) {
	for candidate := range s.engines[kind].snapshots {
		if candidate <= s.Version() && (!ok || candidate > version) {
			version, ok = candidate, true
		}
	}
	return version, ok
}

// concerns reports whether files of a logical database go to a physical one that holds these.
func concerns(database string, held []string) bool {
	return database == Common || slices.Contains(held, database)
}
