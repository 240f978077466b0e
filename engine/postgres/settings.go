package postgres

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// setting is one libpq parameter and where it was found; an empty origin
// stands for the arguments themselves.
type setting struct {
	value  string
	origin string
}

// settings are parameters by their libpq name. A parameter that is there with
// an empty value means libpq's default, whatever the environment says.
type settings map[string]setting

func (s settings) value(key string) string { return s[key].value }

// over adds the settings of a less important source.
func (s settings) over(less settings) settings {
	merged := settings{}
	maps.Copy(merged, less)
	maps.Copy(merged, s)
	return merged
}

// reader turns arguments into settings. It gathers every problem, so that an
// operator meets them all at once.
type reader struct {
	known       map[string]Key
	environment func(string) (string, bool)
	warnings    []Warning
	problems    []error
}

func (r *reader) warn(key, message string) {
	r.warnings = append(r.warnings, Warning{Key: key, Message: message})
}

func (r *reader) reject(problem error) { r.problems = append(r.problems, problem) }

func (r *reader) err() error { return errors.Join(r.problems...) }

// read merges what libpq would: arguments, then the service, then the
// environment. psycopg2 lets the other arguments win over its dsn.
func (r *reader) read(args map[string]any) settings {
	explicit := r.arguments(args)
	if dsn := explicit.value("dsn"); dsn != "" {
		explicit = explicit.over(r.connectionString(dsn))
	}
	delete(explicit, "dsn")
	environment := r.fromEnvironment()
	service := r.service(explicit, environment)
	merged := explicit.over(service).over(environment)
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		r.check(key, merged)
	}
	return merged
}

// arguments takes the mapping of the configuration: nil counts as not given.
func (r *reader) arguments(args map[string]any) settings {
	given := settings{}
	for _, key := range slices.Sorted(maps.Keys(args)) {
		if args[key] == nil {
			continue
		}
		if !r.isKnown(key, "") {
			continue
		}
		value, problem := argumentText(args[key])
		if problem != "" {
			r.reject(&engine.ValueError{Key: key, Problem: problem, Allowed: r.known[key].Allowed})
			continue
		}
		given[key] = setting{value: value}
	}
	return r.withoutAlias(given)
}

// withoutAlias moves psycopg2's "database" to libpq's "dbname".
func (r *reader) withoutAlias(given settings) settings {
	alias, aliased := given["database"]
	if !aliased {
		return given
	}
	delete(given, "database")
	if name, both := given["dbname"]; both && name.value != alias.value {
		r.reject(&engine.ConflictError{
			Keys:    []string{"dbname", "database"},
			Problem: "two names for one key, given with different values",
			Hint:    "keep one of them",
		})
	}
	given["dbname"] = alias
	return given
}

// argumentText writes a YAML scalar as psycopg2 does. Numbers that have
// another spelling than the one they were written in are refused: a password
// 1e5 or 0123 must stand in quotes to survive.
func argumentText(value any) (text, problem string) {
	switch value := value.(type) {
	case string:
		if strings.ContainsRune(value, 0) {
			return "", "holds a NUL byte"
		}
		return value, ""
	case bool:
		return strconv.FormatBool(value), ""
	case int, int64, uint64, uint:
		return fmt.Sprint(value), ""
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
			return strconv.FormatFloat(value, 'f', -1, 64), ""
		}
		return "", "a number with a fraction; write text in quotes"
	}
	return "", "neither text nor a number"
}

func (r *reader) connectionString(dsn string) settings {
	parsed, err := parseDSN(dsn)
	if err != nil {
		r.reject(&engine.ValueError{Key: "dsn", Problem: err.Error()})
		return nil
	}
	return r.foreign(parsed, "dsn")
}

// foreign takes settings that come as text from elsewhere. Their unknown keys
// may be pieces of a badly quoted password, so only near misses are named.
func (r *reader) foreign(parsed map[string]string, origin string) settings {
	given := settings{}
	for _, key := range slices.Sorted(maps.Keys(parsed)) {
		if r.isKnown(key, origin) {
			given[key] = setting{value: parsed[key], origin: origin}
		}
	}
	return given
}

func (r *reader) isKnown(key, origin string) bool {
	_, known := r.known[key]
	// A service or a connection string inside another one, and psycopg2's own
	// arguments, are nothing libpq would read there.
	foreignOnly := origin != "" && (key == "dsn" || key == "database" || origin != "dsn" && key == "service")
	if known && !foreignOnly {
		return true
	}
	suggestion := engine.Nearest(key, slices.Sorted(maps.Keys(r.known)))
	if origin != "" && suggestion == "" {
		key = ""
	}
	r.reject(&engine.UnknownKeyError{Key: key, Origin: origin, Suggestion: suggestion})
	return false
}

// check replaces a value by its normal form, or reports it.
func (r *reader) check(key string, all settings) {
	given, rule := all[key], r.known[key]
	if given.value == "" {
		return
	}
	normal, problem := rule.check.accept(given.value)
	if problem != "" {
		if rule.Treatment == Refused {
			problem += ": " + rule.Meaning
		}
		r.reject(&engine.ValueError{Key: key, Origin: given.origin, Problem: problem, Allowed: rule.Allowed})
		return
	}
	all[key] = setting{value: normal, origin: given.origin}
	if rule.Treatment == Warned && !harmless(key, normal) {
		r.warn(key, rule.Meaning)
	}
}

// harmless tells the values whose effect is the same without the key.
func harmless(key, value string) bool {
	switch key {
	case "gssencmode":
		return value != "require"
	case "sslcompression", "gssdelegation":
		return value == "0"
	}
	return false
}
