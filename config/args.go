package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// argsReader reads the args of one database.
type argsReader struct {
	*databaseReader
	at map[string]section
	// order is the keys in their order in the file.
	order []string
}

func (r *databaseReader) argsReader(args section) *argsReader {
	inner := *r
	inner.path += ".args"
	reader := &argsReader{databaseReader: &inner, at: map[string]section{}}
	if args.document == nil {
		return reader
	}
	for _, entry := range r.loader.entries(inner.path, args) {
		reader.at[entry.name] = entry
		reader.order = append(reader.order, entry.name)
	}
	return reader
}

// pool takes the cp_ keys out: they are the pool's, not the driver's.
func (a *argsReader) pool() (poolMin, poolMax int) {
	poolMin, poolMax = postgres.DefaultPoolMin, postgres.DefaultPoolMax
	minimum, hasMinimum := a.take("cp_min")
	maximum, hasMaximum := a.take("cp_max")
	if hasMaximum {
		poolMax = a.integerOf(maximum, 1)
		poolMin = min(poolMin, poolMax)
	}
	if hasMinimum {
		poolMin = a.integerOf(minimum, 0)
		if !hasMaximum {
			poolMax = max(poolMax, poolMin)
		}
	}
	if poolMin > poolMax {
		a.reject(minimum.position, &engine.ConflictError{Keys: []string{"cp_min", "cp_max"}, Problem: "the smallest pool is larger than the largest"})
	}
	a.otherPoolKeys()
	return poolMin, poolMax
}

// take removes a key and gives it, unless it is null.
func (a *argsReader) take(key string) (section, bool) {
	given, present := a.at[key]
	delete(a.at, key)
	return given, present && !given.isNull()
}

func (a *argsReader) otherPoolKeys() {
	known := names(PoolKeys())
	for _, key := range a.order {
		given, present := a.at[key]
		if !present || !strings.HasPrefix(key, "cp_") {
			continue
		}
		delete(a.at, key)
		if slices.Contains(known, key) {
			a.loader.warn(given.position, key, "means nothing to this pool")
			continue
		}
		a.reject(given.position, &engine.UnknownKeyError{Key: key, Suggestion: engine.Nearest(key, known)})
	}
}

// values gives the remaining keys as plain values. Numbers that must stand in
// quotes to be read as they are written are reported here, where the file is
// known.
func (a *argsReader) values() map[string]any {
	values := map[string]any{}
	for _, key := range a.order {
		given, present := a.at[key]
		if !present {
			continue
		}
		value := given.plain()
		if value == (unclear{}) && isArgument(key) {
			a.rejectValue(given, "neither text nor a plain number; write text in quotes", "")
			value = nil
		}
		values[key] = value
	}
	return values
}

func isArgument(key string) bool {
	return slices.ContainsFunc(postgres.Keys(), func(known postgres.Key) bool { return known.Name == key })
}

func (a *argsReader) warnings(warnings []postgres.Warning) {
	for _, warning := range warnings {
		a.loader.warn(a.positionOf(warning.Key), warning.Key, warning.Message)
	}
}

// problems gives each problem the place of its key.
func (a *argsReader) problems(err error, otherwise Position) {
	if err == nil {
		return
	}
	all := []error{err}
	if joined, several := err.(interface{ Unwrap() []error }); several {
		all = joined.Unwrap()
	}
	for _, problem := range all {
		position := otherwise
		if about, ok := errors.AsType[engine.SettingError](problem); ok {
			position = a.positionOf(about.SettingKey())
		}
		a.reject(position, problem)
	}
}

// positionOf is where a key stands. One that comes from a service file or the
// environment has the place of the database's section.
func (a *argsReader) positionOf(key string) Position {
	if given, present := a.at[key]; present {
		return given.position
	}
	return a.database.Position
}
