package postgres

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// In is how to connect to another database of the same server.
func (c *Config) In(database string) (*Config, error) {
	return c.changed(map[string]string{"dbname": database}, nil)
}

// As is how to connect to the same database as another role: a name, or a connection string or URI of libpq, whose keywords
// win. Its password comes from PGPASSWORD or a file of passwords. One in the text is a *engine.ValueError: who can see this
// process could read it.
func (c *Config) As(role string) (*Config, error) {
	without := []string{"user", "password", "sslpassword"}
	if !strings.Contains(role, "=") && !strings.Contains(role, "://") {
		return c.changed(map[string]string{"user": role}, without)
	}
	given, err := parseDSN(role)
	if err != nil {
		return nil, &engine.ValueError{Key: "dsn", Problem: err.Error()}
	}
	for _, key := range []string{"password", "sslpassword"} {
		if given[key] != "" {
			return nil, &engine.ValueError{Key: key, Problem: "would be seen by everybody on this machine", Allowed: "PGPASSWORD in the environment, or a file of passwords"}
		}
	}
	if given["host"] != "" || given["hostaddr"] != "" {
		without = append(without, "host", "hostaddr", "port")
	}
	return c.changed(given, without)
}

// changed reads the settings anew, some of them left out or changed.
func (c *Config) changed(changes map[string]string, without []string) (*Config, error) {
	args := map[string]any{"dbname": c.Database()}
	for key, given := range c.settings {
		if key != "service" && key != "servicefile" { // what these say is among the settings
			args[key] = given.value
		}
	}
	for _, key := range without {
		delete(args, key)
	}
	for key, value := range changes {
		args[key] = value
	}
	made, _, err := ParseArgs(args)
	if err != nil {
		return nil, err
	}
	made.PoolMin, made.PoolMax, made.TxnLimit = c.PoolMin, c.PoolMax, c.TxnLimit
	made.StatementTimeout, made.SynchronousCommit, made.AllowUnsafeLocale = c.StatementTimeout, c.SynchronousCommit, c.AllowUnsafeLocale
	return made, nil
}
