package postgres

import (
	"os"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Program is how a program of PostgreSQL, such as pg_dump, connects as this configuration does.
type Program struct {
	// Conninfo is a connection string without secrets, which may stand in a command line.
	Conninfo string
	// Environment is this process's, without what libpq reads there, and with the password. It must never be shown.
	Environment []string
}

// ForProgram gives what pg_dump and its like are started with. They are handed no sslpassword, which only a command line
// could hold; it is a *engine.ValueError.
func (c *Config) ForProgram() (*Program, error) {
	if c.settings.value("sslpassword") != "" {
		return nil, &engine.ValueError{Key: "sslpassword", Problem: "cannot be handed to PostgreSQL's programs without showing it", Allowed: "a key without a password"}
	}
	program := &Program{}
	for _, key := range programKeys() {
		if value := c.settings.value(key); value != "" {
			program.Conninfo += key + "=" + quoteConninfo(value) + " "
		}
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") {
			program.Environment = append(program.Environment, variable)
		}
	}
	if password := c.settings.value("password"); password != "" {
		program.Environment = append(program.Environment, "PGPASSWORD="+password)
	}
	return program, nil
}

// programKeys are the settings that every libpq understands and that say where to connect and how safely, without secrets.
// What a service file and the environment say is among the settings. require_auth, sslcertmode and sslnegotiation are newer
// than some programs, which then refuse to connect: better than to connect less safely.
func programKeys() []string {
	return []string{
		"host", "hostaddr", "port", "dbname", "user", "passfile", "connect_timeout", "options", "target_session_attrs",
		"sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version",
		"channel_binding", "requirepeer", "require_auth", "sslcertmode", "sslnegotiation",
	}
}
