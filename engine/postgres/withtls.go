package postgres

import (
	"maps"
	"os"
)

// WithTLS is the same configuration that insists on TLS without verifying anything; it is nil where that cannot be.
func (c *Config) WithTLS() *Config {
	all := maps.Clone(c.settings)
	all["sslmode"] = setting{value: "require"}
	return (&reader{known: knownKeys(), environment: os.LookupEnv}).build(all)
}
