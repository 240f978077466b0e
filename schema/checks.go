package schema

import (
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

func (r *reader) checkDefinition() {
	definition := &r.set.definition
	r.checkName()
	if definition.Version < 1 {
		r.reject("", "the version is %d; versions begin at 1", definition.Version)
	}
	if definition.CompatVersion < 1 || definition.CompatVersion > definition.Version {
		r.reject("", "the compat version %d is not between 1 and the version %d: this code could not open its own database",
			definition.CompatVersion, definition.Version)
	}
	if definition.Files == nil {
		r.reject("", "no files are given")
	}
	r.checkRequiredUpdates()
	if len(definition.Engines) == 0 {
		r.reject("", "no engine is named")
	}
	for i, kind := range definition.Engines {
		if !slices.Contains([]engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL}, kind) {
			r.reject("", "no engine is called %q; there are sqlite, postgres and mysql", kind)
		}
		if slices.Contains(definition.Engines[:i], kind) {
			r.reject("", "the engine %s is named twice", kind)
		}
	}
	for i, database := range definition.Databases {
		switch {
		case database == Common:
			r.reject("", "common goes to every physical database by itself, and is not listed")
		case !setName.MatchString(database):
			r.reject("", "the logical database %q does not consist of letters, digits, - and _", database)
		case slices.Contains(definition.Databases[:i], database):
			r.reject("", "the logical database %q is listed twice", database)
		}
	}
}

func (r *reader) checkName() {
	name := r.set.definition.Name
	if !setName.MatchString(name) {
		r.reject("", "the name %q does not consist of letters, digits, - and _, 64 at most", name)
	}
	if r.set.own() && (Owner(name) == UpstreamsDatabase || Owner(name) == Unknown) {
		r.reject("", "the name %q is kept for databases that belong to no set; take another one", name)
	}
}

// checkSnapshots makes sure that an empty database can be created.
func (r *reader) checkSnapshots(result *files, kind engine.Kind) {
	if len(result.snapshots) == 0 {
		r.reject("", "there is no full schema for %s that is not above version %d (DATABASE/full_schemas/VERSION/full.sql.%s)", kind, r.set.Version(), kind)
		return
	}
	for version, together := range result.snapshots {
		for _, database := range r.set.databases {
			if !slices.ContainsFunc(together, func(s *snapshot) bool { return s.database == database }) {
				r.reject("", "the logical database %q has no full schema %d for %s (%s/full_schemas/%d/full.sql.%s)",
					database, version, kind, database, version, kind)
			}
		}
	}
}

// checkRepeated refuses a name that two logical databases use at one version: the record of applied deltas has one
// place for both. As upstream, it counts files for other engines too.
func (r *reader) checkRepeated(result *files, delta *Delta) {
	if before, repeated := result.names[delta.File()]; repeated {
		r.reject(delta.path(), "%s has the same name, and only the name is recorded; give one of them another", before)
		return
	}
	result.names[delta.File()] = delta.path()
}

// checkPython gives up on languages only where this is certain: by own rules there are no such files, by upstream's
// one that nobody needs any more does no harm. What is needed is refused when it is planned.
func (r *reader) checkPython(result *files) {
	for _, delta := range result.deltas {
		if delta.missing && r.set.own() {
			r.reject(delta.path(), "Python is not run; write a Go delta of this name")
		}
	}
}

func (r *reader) checkGoDeltas() {
	for i := range r.set.definition.GoDeltas {
		code := &r.set.definition.GoDeltas[i]
		place := "Go delta " + (&Delta{Version: code.Version, Name: code.Name}).File()
		if code.Create == nil && code.Upgrade == nil {
			r.reject(place, "it has neither Create nor Upgrade")
		}
		if !r.set.own() {
			continue // those of files that this directory lacks are for other releases
		}
		if kind, _ := readName(code.Name); kind != goFile || !ownDelta.MatchString(code.Name) {
			r.reject(place, "a Go delta is called NNname.go: the digits give it its place among the files of its version")
		}
		if code.Version < 1 || code.Version > r.set.Version() {
			r.reject(place, "the version is not between 1 and that of the set, %d", r.set.Version())
		}
		if code.Database != Common && !slices.Contains(r.set.databases, code.Database) {
			r.reject(place, "the set has no logical database %q", code.Database)
		}
	}
}

// checkMarks refuses marks that are unknown, and statements that could not be repeated after a crash.
func (r *reader) checkMarks(read *script, kind engine.Kind) {
	for i, statement := range read.statements {
		for _, mark := range statement.Marks {
			r.checkMark(read, kind, i, mark)
		}
		if kind == engine.MySQL && severalObjects(statement) {
			r.reject(place(read.path, statement.Line), "MySQL may stop in the middle of a statement that names several objects; write one statement for each")
		}
	}
}

func (r *reader) checkMark(read *script, kind engine.Kind, index int, mark string) {
	statement := read.statements[index]
	at := place(read.path, statement.Line)
	switch mark {
	case MarkKeysUnchecked:
		if index > 0 {
			r.reject(at, "the mark %s belongs before the first statement: it is for the whole file", mark)
		}
	case MarkNoTransaction:
		if !repeatable(kind, statement) {
			r.reject(at, "a statement without a transaction must be safe to repeat after a crash: write IF [NOT] EXISTS")
		}
	default:
		r.reject(at, "the mark %q is not known; there are %s and %s", mark, MarkNoTransaction, MarkKeysUnchecked)
	}
}

// repeatable reports whether a statement may run again after it was done.
func repeatable(kind engine.Kind, statement sqltext.Statement) bool {
	words := sqltext.Words(kind, statement.Text, 60)
	switch words[0] {
	case "VACUUM", "ANALYZE", "REINDEX", "PRAGMA", "CLUSTER", "OPTIMIZE", "SET", "CHECKPOINT":
		return true
	}
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "IF" && (words[i+1] == "EXISTS" || words[i+1] == "NOT") {
			return true
		}
	}
	return false
}

// severalObjects recognises DROP TABLE a, b and RENAME TABLE a TO b, c TO d.
func severalObjects(statement sqltext.Statement) bool {
	words := sqltext.Words(engine.MySQL, statement.Text, 60)
	return len(words) > 1 && (words[0] == "DROP" || words[0] == "RENAME") && strings.HasPrefix(words[1], "TABLE") && slices.Contains(words, ",")
}
