package mysql

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// urlSchemes are the beginnings of an address that ParseURL reads. Whatever follows a "+" names somebody's driver.
var urlSchemes = []string{"mysql", "mariadb"}

// urlKeys are what an address can hold after the "?".
var urlKeys = []string{"charset", "connect_timeout", "pool_max", "socket", "tls", "tls_ca", "tls_cert", "tls_key"}

// ParseURL reads the address of a database: mysql://user:password@host:port/database, or mariadb://. After a "?" may
// follow, separated by "&": socket (a path, instead of host and port), tls (disabled, preferred, required, verify_ca,
// verify_identity), tls_ca, tls_cert, tls_key (files), pool_max (connections), connect_timeout (seconds) and charset,
// which can only be utf8mb4.
//
// All problems are reported together, joined; each one is an engine.SettingError, and none holds a value.
func ParseURL(text string) (Config, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		// Its text holds the address, and with it the password.
		return Config{}, &engine.ValueError{
			Key: "url", Problem: "not a URL", Allowed: "mysql://user:password@host:port/database, each part percent-encoded",
		}
	}
	if scheme, _, _ := strings.Cut(parsed.Scheme, "+"); !slices.Contains(urlSchemes, scheme) || parsed.Opaque != "" || parsed.Fragment != "" {
		return Config{}, &engine.ValueError{Key: "url", Problem: "not a URL of MariaDB or MySQL", Allowed: "mysql://user:password@host:port/database"}
	}
	config := Config{Host: parsed.Hostname(), Database: strings.TrimPrefix(parsed.Path, "/"), User: parsed.User.Username()}
	config.Password, _ = parsed.User.Password()
	problems := errors.Join(config.takePort(parsed.Port()), config.takeQuery(parsed.RawQuery))
	if _, incomplete := config.complete(); problems != nil || incomplete != nil {
		return Config{}, errors.Join(problems, incomplete)
	}
	return config, nil
}

func (c *Config) takePort(text string) error {
	if text == "" {
		return nil
	}
	port, err := strconv.Atoi(text)
	if err != nil || port == 0 {
		return &engine.ValueError{Key: "port", Problem: "out of range", Allowed: "1 to 65535"}
	}
	c.Port = port
	return nil
}

func (c *Config) takeQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &engine.ValueError{Key: "url", Problem: "what follows the ? is not percent-encoded correctly"}
	}
	var problems []error
	for key, given := range values {
		switch {
		case !slices.Contains(urlKeys, key):
			problems = append(problems, &engine.UnknownKeyError{Key: key, Suggestion: engine.Nearest(key, urlKeys)})
		case len(given) > 1:
			problems = append(problems, &engine.ValueError{Key: key, Problem: "given more than once"})
		default:
			problems = append(problems, c.take(key, given[0]))
		}
	}
	return errors.Join(problems...)
}

// take puts one value that followed the "?" into its field.
func (c *Config) take(key, value string) error {
	switch key {
	case "charset":
		if value != "utf8mb4" {
			return &engine.ValueError{Key: key, Problem: "cannot hold every text", Allowed: "utf8mb4"}
		}
	case "connect_timeout":
		seconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil || seconds == 0 {
			return &engine.ValueError{Key: key, Problem: "not a number of seconds", Allowed: "1 or more"}
		}
		c.ConnectTimeout = time.Duration(seconds) * time.Second
	case "pool_max":
		connections, err := strconv.ParseUint(value, 10, 31)
		if err != nil || connections == 0 {
			return &engine.ValueError{Key: key, Problem: "not a number of connections", Allowed: "1 or more"}
		}
		c.PoolMax = int(connections)
	case "tls":
		c.TLS = TLSMode(value)
	default:
		*map[string]*string{"socket": &c.Socket, "tls_ca": &c.TLSCA, "tls_cert": &c.TLSCert, "tls_key": &c.TLSKey}[key] = value
	}
	return nil
}
