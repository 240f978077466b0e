package postgres

import (
	"maps"
	"slices"
)

// EnvironmentVariable is a variable that libpq reads, with the key of
// database.args that it stands in for.
type EnvironmentVariable struct {
	Name string
	Key  string
}

// EnvironmentVariables lists the variables that ParseArgs reads for keys that
// are not given, by name. It reads PGTZ, the session's time zone, and
// PGSYSCONFDIR, where a service file is looked for, as well.
func EnvironmentVariables() []EnvironmentVariable {
	byName := environmentVariables()
	var variables []EnvironmentVariable
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		variables = append(variables, EnvironmentVariable{Name: name, Key: byName[name]})
	}
	return variables
}

// environmentVariables are the variables that libpq reads, with the parameter
// each one stands for. PGDATESTYLE and PGGEQO are left out: they change how a
// session's answers are written, which nobody wants from a shell's leftovers.
func environmentVariables() map[string]string {
	return map[string]string{
		"PGHOST":                  "host",
		"PGHOSTADDR":              "hostaddr",
		"PGPORT":                  "port",
		"PGDATABASE":              "dbname",
		"PGUSER":                  "user",
		"PGPASSWORD":              "password",
		"PGPASSFILE":              "passfile",
		"PGREQUIREAUTH":           "require_auth",
		"PGCHANNELBINDING":        "channel_binding",
		"PGSERVICE":               "service",
		"PGSERVICEFILE":           "servicefile",
		"PGOPTIONS":               "options",
		"PGAPPNAME":               "application_name",
		"PGSSLMODE":               "sslmode",
		"PGSSLNEGOTIATION":        "sslnegotiation",
		"PGSSLCERT":               "sslcert",
		"PGSSLKEY":                "sslkey",
		"PGSSLPASSWORD":           "sslpassword",
		"PGSSLCERTMODE":           "sslcertmode",
		"PGSSLROOTCERT":           "sslrootcert",
		"PGSSLCRL":                "sslcrl",
		"PGSSLCRLDIR":             "sslcrldir",
		"PGSSLSNI":                "sslsni",
		"PGSSLCOMPRESSION":        "sslcompression",
		"PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
		"PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
		"PGREQUIREPEER":           "requirepeer",
		"PGGSSENCMODE":            "gssencmode",
		"PGKRBSRVNAME":            "krbsrvname",
		"PGGSSLIB":                "gsslib",
		"PGCONNECT_TIMEOUT":       "connect_timeout",
		"PGCLIENTENCODING":        "client_encoding",
		"PGTARGETSESSIONATTRS":    "target_session_attrs",
		"PGLOADBALANCEHOSTS":      "load_balance_hosts",
		"PGMINPROTOCOLVERSION":    "min_protocol_version",
		"PGMAXPROTOCOLVERSION":    "max_protocol_version",
	}
}

// fromEnvironment reads libpq's variables; an empty one counts as not set.
func (r *reader) fromEnvironment() settings {
	given := settings{}
	for variable, key := range environmentVariables() {
		if value, _ := r.environment(variable); value != "" {
			given[key] = setting{value: value, origin: "environment variable " + variable}
		}
	}
	return given
}
