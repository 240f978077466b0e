package postgres

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/synapsedb/synapse/engine"
)

// ParseArgs reads the database.args of a homeserver.yaml: what psycopg2 is
// called with, and so libpq's parameters, without the cp_* keys of the pool.
// Every parameter keeps its meaning; where that is not possible a Warning says
// so, or the parameter is an error. As in libpq, the service file and then the
// PG* environment variables supply what the arguments leave out.
//
// All problems are reported together, joined; each one about a single key is
// an engine.SettingError: *engine.UnknownKeyError, *engine.ValueError or
// *engine.ConflictError. No error and no Warning holds a value.
func ParseArgs(args map[string]any) (*Config, []Warning, error) {
	r := &reader{known: knownKeys(), environment: os.LookupEnv}
	all := r.read(args)
	config := r.build(all)
	if err := r.err(); err != nil {
		return nil, nil, err
	}
	return config, r.warnings, nil
}

// build makes the configuration; it gives nil when there are problems.
func (r *reader) build(all settings) *Config {
	parameters := r.runtimeParameters(all)
	endpoints := r.endpoints(all)
	socket := r.socket(all)
	r.checkTLS(all, endpoints)
	r.checkProtocol(all)
	r.checkGSS(all)
	r.checkPassfile(all)
	if r.err() != nil {
		return nil
	}
	pool := r.driverConfig(all, endpoints)
	if pool == nil {
		return nil
	}
	connection := &pool.ConnConfig.Config
	connection.RuntimeParams = parameters
	connection.LookupFunc = lookup(endpoints)
	connection.DialFunc = socket.dial(connection.ConnectTimeout)
	withoutTLSOnSockets(connection)
	limitTLSVersions(connection, all)
	config := newConfig(pool)
	config.shuffleHosts = all.value("load_balance_hosts") == "random"
	config.settings = all
	return config
}

// driverKeys are the settings that the driver itself understands. Everything
// else would become a run-time parameter.
func driverKeys() []string {
	return []string{
		"user", "password", "passfile", "connect_timeout", "sslmode", "sslkey", "sslcert",
		"sslcertmode", "sslrootcert", "sslnegotiation", "sslpassword", "sslsni", "target_session_attrs",
		"service", "servicefile", "min_protocol_version", "max_protocol_version", "channel_binding", "require_auth", "dbname",
	}
}

// driverConfig has the driver read the settings that it understands.
func (r *reader) driverConfig(all settings, endpoints []endpoint) *pgxpool.Config {
	config, err := pgxpool.ParseConfig(driverString(all, endpoints))
	if err == nil {
		return config
	}
	// The driver's own error quotes the connection string: only its cause may
	// be looked at.
	r.reject(explainDriver(errors.Unwrap(err)))
	return nil
}

func driverString(all settings, endpoints []endpoint) string {
	var text strings.Builder
	add := func(key, value string) { text.WriteString(key + "=" + quoteConninfo(value) + " ") }
	var hosts, ports []string
	for _, e := range endpoints {
		hosts, ports = append(hosts, e.name()), append(ports, e.port)
	}
	add("host", strings.Join(hosts, ","))
	add("port", strings.Join(ports, ","))
	for _, key := range driverKeys() {
		given, present := all[key]
		switch {
		case !present:
		case given.value != "":
			add(key, given.value)
		case slices.Contains([]string{"service", "servicefile", "connect_timeout", "target_session_attrs", "sslcertmode"}, key):
			// Written empty, these are errors to the driver.
		default:
			add(key, "")
		}
	}
	return text.String()
}

// explainDriver turns what is left for the driver to find, which are TLS
// files, into an error that names the key.
func explainDriver(cause error) error {
	for _, known := range []struct{ beginning, key, problem string }{
		{"unable to read CA", "sslrootcert", "cannot be read"},
		{"unable to add CA", "sslrootcert", "holds no certificate"},
		{"unable to read sslkey", "sslkey", "cannot be read"},
		{"failed to decode sslkey", "sslkey", "holds no private key"},
		{"unable to find sslpassword", "sslpassword", "is needed to open sslkey"},
		{"unable to decrypt key", "sslpassword", "does not open sslkey"},
		{"unable to read cert", "sslcert", "cannot be read"},
		{"unable to load cert", "sslcert", "is no certificate, or not the one of sslkey"},
	} {
		if cause == nil || !strings.HasPrefix(cause.Error(), known.beginning) {
			continue
		}
		if file, ok := errors.AsType[*fs.PathError](cause); ok {
			known.problem += ": " + file.Err.Error()
		}
		return &engine.ValueError{Key: known.key, Problem: known.problem}
	}
	return &engine.Error{Op: "read", Object: "the arguments", Err: errors.New("the driver refuses them")}
}

func (r *reader) checkProtocol(all settings) {
	lowest, highest := all.value("min_protocol_version"), all.value("max_protocol_version")
	if highest == "3.0" && lowest != "" && lowest != "3.0" {
		r.reject(&engine.ConflictError{Keys: []string{"min_protocol_version", "max_protocol_version"}, Problem: "the lowest version is above the highest"})
	}
}

func (r *reader) checkGSS(all settings) {
	if given := all["gssencmode"]; given.value == "require" {
		r.reject(&engine.ValueError{
			Key: "gssencmode", Origin: given.origin,
			Problem: "GSSAPI encryption is not supported", Allowed: "disable, prefer; for encryption use sslmode",
		})
	}
}

// checkPassfile warns about what makes libpq overlook a password file.
func (r *reader) checkPassfile(all settings) {
	for _, key := range []string{"passfile", "sslcert", "sslkey", "sslrootcert", "servicefile"} {
		if strings.HasPrefix(all.value(key), "~") {
			r.warn(key, "~ is not expanded: write the whole path")
		}
	}
	if all.value("password") != "" {
		return
	}
	file := firstOf(all.value("passfile"), r.inHome(".pgpass"))
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		r.warn("passfile", "others may read the file, so libpq ignores it: chmod 0600 it")
	}
}
