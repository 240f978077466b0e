package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// databaseReader reads the section of one database.
type databaseReader struct {
	loader   *loader
	path     string
	database Database
	keys     map[string]section
}

func (r *databaseReader) reject(position Position, problem error) {
	r.loader.reject(&Error{Position: position, Section: r.path, Err: problem})
}

func (r *databaseReader) rejectValue(at section, problem, allowed string) {
	r.reject(at.position, &engine.ValueError{Key: at.name, Problem: problem, Allowed: allowed})
}

// accept takes a key that is known.
func (r *databaseReader) accept(entry section) {
	known := names(DatabaseKeys())
	if slices.Contains(known, entry.name) {
		r.keys[entry.name] = entry
		return
	}
	r.reject(entry.position, &engine.UnknownKeyError{Key: entry.name, Suggestion: engine.Nearest(entry.name, known)})
}

func (r *databaseReader) read(position Position) {
	r.readStores()
	r.database.TxnLimit = r.integer("txn_limit", 0, 0)
	if !r.readName(position) {
		return
	}
	args, given := r.keys["args"]
	if given && !args.isNull() && !args.isMapping() {
		r.rejectValue(args, "not a mapping", "a mapping")
		return
	}
	if r.database.Engine == engine.SQLite {
		r.readSQLite(args)
		return
	}
	r.readPostgres(position, args)
}

// readName reads the engine's name; it reports false when nothing can be read
// without it.
func (r *databaseReader) readName(position Position) bool {
	name, given := r.keys["name"]
	if !given || name.isNull() {
		r.loader.reject(&MissingNameError{Position: position, Section: r.path})
		return false
	}
	text, _ := name.plain().(string)
	kind, _ := engine.ParseKind(text)
	if kind != engine.SQLite && kind != engine.Postgres {
		r.loader.reject(&EngineError{Position: name.position, Section: r.path, Engine: kind})
		return false
	}
	r.database.Name, r.database.Engine = text, kind
	return true
}

func (r *databaseReader) readStores() {
	given, present := r.keys["data_stores"]
	if !present || given.isNull() {
		return
	}
	stores := []string{}
	for _, element := range given.elements() {
		store, _ := element.plain().(string)
		if !slices.Contains(allStores(), store) || slices.Contains(stores, store) {
			r.rejectValue(element, "not a list of different stores", "main, state")
			return
		}
		stores = append(stores, store)
	}
	if !given.isList() {
		r.rejectValue(given, "not a list", "a list of main, state")
		return
	}
	r.database.DataStores = stores
}

// integer reads a key of the section, or gives the default.
func (r *databaseReader) integer(key string, lowest, otherwise int) int {
	given, present := r.keys[key]
	if !present {
		return otherwise
	}
	return r.integerOf(given, lowest)
}

func (r *databaseReader) integerOf(given section, lowest int) int {
	const highest = 1<<31 - 1
	number, isNumber := given.plain().(int64)
	if !isNumber || number < int64(lowest) || number > highest {
		r.rejectValue(given, "not such a number", fmt.Sprintf("%d to %d", lowest, highest))
		return lowest
	}
	return int(number)
}

// boolean reads a switch. YAML 1.1, which the Python homeserver reads, knows
// more words for it than YAML 1.2.
func (r *databaseReader) boolean(key string, otherwise bool) bool {
	given, present := r.keys[key]
	if !present {
		return otherwise
	}
	switch value := given.plain().(type) {
	case bool:
		return value
	case string:
		switch strings.ToLower(value) {
		case "yes", "on":
			return true
		case "no", "off":
			return false
		}
	}
	r.rejectValue(given, "neither true nor false", "true, false")
	return otherwise
}

func (r *databaseReader) readPostgres(position Position, args section) {
	timeout := r.statementTimeout()
	synchronous, unsafe := r.boolean("synchronous_commit", true), r.boolean("allow_unsafe_locale", false)
	reader := r.argsReader(args)
	poolMin, poolMax := reader.pool()
	values := reader.values()
	config, warnings, err := postgres.ParseArgs(values)
	reader.warnings(warnings)
	reader.problems(err, position)
	if config == nil {
		return
	}
	config.PoolMin, config.PoolMax = poolMin, poolMax
	config.StatementTimeout, config.SynchronousCommit = timeout, synchronous
	config.AllowUnsafeLocale, config.TxnLimit = unsafe, r.database.TxnLimit
	r.database.Postgres = config
}

// statementTimeout is nil when the key is null.
func (r *databaseReader) statementTimeout() *time.Duration {
	timeout := postgres.DefaultStatementTimeout
	given, present := r.keys["statement_timeout"]
	switch {
	case !present:
	case given.isNull():
		return nil
	default:
		timeout = time.Duration(r.integerOf(given, 0)) * time.Millisecond
	}
	return &timeout
}
