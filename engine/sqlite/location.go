package sqlite

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// location is where a database is, read from any of the forms in which SQLite lets it be named.
type location struct {
	path       string // absolute, of a file; empty for a database in memory
	name       string // for messages
	base       string // of the URI for the driver
	parameters url.Values
	memory     bool // in memory or temporary: it ends with its last connection
	shared     bool // several connections of this process may share the memory
}

// readOnly reports whether nothing may be written to the file.
func (l location) readOnly() bool { return l.parameters.Get("mode") == "ro" }

// creates reports whether a file that is missing shall be made.
func (l location) creates() bool { return l.parameters.Get("mode") == "rwc" }

func (l location) uri() string { return l.base + "?" + l.parameters.Encode() }

// parseLocation reads a path, ":memory:", "" (a temporary database) or a file: URI (https://sqlite.org/uri.html).
func parseLocation(dsn string) (location, error) {
	switch {
	case strings.IndexByte(dsn, 0) >= 0:
		return location{}, &engine.ValueError{Key: "database", Problem: "the path holds a NUL", Allowed: "any other character"}
	case dsn == ":memory:":
		return location{name: dsn, base: "file::memory:", parameters: url.Values{"mode": {"memory"}}, memory: true}, nil
	case dsn == "":
		return location{name: "temporary database", base: "file:", parameters: url.Values{}, memory: true}, nil
	case strings.HasPrefix(dsn, "file:"):
		return parseURI(dsn)
	}
	return fileLocation(dsn, url.Values{"mode": {"rwc"}})
}

func fileLocation(path string, parameters url.Values) (location, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return location{}, fmt.Errorf("find %s: %w", path, err)
	}
	return location{path: absolute, name: absolute, base: fileURI(absolute), parameters: parameters}, nil
}

func parseURI(uri string) (location, error) {
	rest, _, _ := strings.Cut(strings.TrimPrefix(uri, "file:"), "#")
	escaped, query, _ := strings.Cut(rest, "?")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return location{}, &engine.ValueError{Key: "database", Problem: "the part of the URI behind the question mark cannot be read",
			Allowed: "key=value, joined by &"}
	}
	if err := checkParameters(parameters); err != nil {
		return location{}, err
	}
	path, err := uriPath(escaped)
	if err != nil {
		return location{}, err
	}
	return locate(path, parameters)
}

func locate(path string, parameters url.Values) (location, error) {
	memory := path == ":memory:" || path == "" || parameters.Get("mode") == "memory"
	if !memory {
		switch {
		case parameters.Has("immutable"):
			parameters.Set("mode", "ro")
		case !parameters.Has("mode"):
			parameters.Set("mode", "rwc")
		}
		return fileLocation(path, parameters)
	}
	if path == ":memory:" {
		parameters.Set("mode", "memory")
	}
	return location{
		name: "file:" + path, base: "file:" + (&url.URL{Path: path}).EscapedPath(), parameters: parameters,
		memory: true, shared: parameters.Get("cache") == "shared" && path != "",
	}, nil
}

// uriPath decodes the path of a file: URI, whose only hosts are none and localhost.
func uriPath(escaped string) (string, error) {
	if rest, found := strings.CutPrefix(escaped, "//"); found {
		host, path, _ := strings.Cut(rest, "/")
		if host != "" && host != "localhost" {
			return "", &engine.ValueError{Key: "database", Problem: "the URI names a host", Allowed: "file:/path, file:///path or file:path"}
		}
		escaped = "/" + path
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return "", &engine.ValueError{Key: "database", Problem: "the path of the URI has a % without two hexadecimal digits", Allowed: "%25 for a %"}
	}
	return path, nil
}

func checkParameters(parameters url.Values) error {
	values := map[string][]string{
		"mode": {"ro", "rw", "rwc", "memory"}, "cache": {"shared", "private"}, "immutable": {"1"}, "psow": {"0", "1"},
	}
	for key, given := range parameters {
		allowed, known := values[key]
		switch {
		case key == "vfs" || key == "nolock":
			return &engine.ValueError{Key: key, Problem: "it takes away the locks that keep processes from damaging the file",
				Allowed: "nothing, leave it out"}
		case !known:
			return &engine.UnknownKeyError{Key: key, Suggestion: engine.Nearest(key, slices.Sorted(maps.Keys(values)))}
		case len(given) > 1:
			return &engine.ValueError{Key: key, Problem: "it is given more than once", Allowed: "one of them"}
		case !slices.Contains(allowed, given[0]):
			return &engine.ValueError{Key: key, Problem: "SQLite knows no such value", Allowed: strings.Join(allowed, ", ")}
		}
	}
	return nil
}
