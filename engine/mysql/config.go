package mysql

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// The values of a Config's zero fields.
const (
	DefaultHost           = "127.0.0.1"
	DefaultPort           = 3306
	DefaultPoolMax        = 10
	DefaultConnectTimeout = 10 * time.Second
)

// Config says which database to open, and how. Only User and Database are needed.
type Config struct {
	// Host is a name or an address; "127.0.0.1" when empty. A "localhost" is reached over TCP: for the server's socket,
	// give Socket.
	Host string
	// Port is 3306 when zero.
	Port int
	// Socket is the path of the server's Unix socket. It replaces Host and Port.
	Socket string
	// User and Password log in. The password may be empty.
	User     string
	Password string `json:"-" yaml:"-"`
	// Database is the name of the database.
	Database string
	// TLS is TLSPreferred when empty; a socket is never encrypted.
	TLS TLSMode
	// TLSCA is a file of certificates (PEM) that the server's has to be signed by; the system's when empty.
	TLSCA string
	// TLSCert and TLSKey are files (PEM) with a certificate to log in with, and its key.
	TLSCert, TLSKey string
	// ConnectTimeout is how long a connection and its login may take; 10 s when zero.
	ConnectTimeout time.Duration
	// PoolMax is how many connections Open may use at the same time; 10 when zero.
	PoolMax int
}

// complete puts the defaults in and reports everything that is wrong, joined; each part is an engine.SettingError.
func (c Config) complete() (Config, error) {
	problems := errors.Join(c.placeProblems(), c.numberProblems(), c.tlsProblems())
	if c.Socket == "" {
		c.Host, c.Port = cmp.Or(c.Host, DefaultHost), cmp.Or(c.Port, DefaultPort)
	}
	c.TLS = cmp.Or(c.TLS, TLSPreferred)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, DefaultConnectTimeout)
	c.PoolMax = cmp.Or(c.PoolMax, DefaultPoolMax)
	return c, problems
}

func (c Config) placeProblems() error {
	var problems []error
	reject := func(key, problem, allowed string) {
		problems = append(problems, &engine.ValueError{Key: key, Problem: problem, Allowed: allowed})
	}
	if c.Socket != "" && (c.Host != "" || c.Port != 0) {
		problems = append(problems, &engine.ConflictError{
			Keys: []string{"socket", "host"}, Problem: "both say where the server is", Hint: "keep one",
		})
	}
	if c.Socket != "" && !filepath.IsAbs(c.Socket) {
		reject("socket", "not a full path", "the path of the server's socket, such as /run/mysqld/mysqld.sock")
	}
	if strings.ContainsAny(c.Host, "/@, \t\n") {
		reject("host", "neither a name nor an address", "one name or address, without a port")
	}
	if c.User == "" {
		reject("user", "missing", "the name of a user of the server")
	}
	if c.Database == "" || len([]rune(c.Database)) > maxName || strings.ContainsRune(c.Database, 0) {
		reject("database", "missing, or no database's name", fmt.Sprintf("a name of 1 to %d letters", maxName))
	}
	return errors.Join(problems...)
}

// maxName is how many letters the name of a database, a table or a lock may have
// (https://dev.mysql.com/doc/refman/8.0/en/identifier-length.html).
const maxName = 64

func (c Config) numberProblems() error {
	var problems []error
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, &engine.ValueError{Key: "port", Problem: "out of range", Allowed: "1 to 65535"})
	}
	if c.PoolMax < 0 {
		problems = append(problems, &engine.ValueError{Key: "pool_max", Problem: "out of range", Allowed: "1 or more"})
	}
	if c.ConnectTimeout < 0 {
		problems = append(problems, &engine.ValueError{Key: "connect_timeout", Problem: "out of range", Allowed: "a positive duration"})
	}
	return errors.Join(problems...)
}

func (c Config) tlsProblems() error {
	var problems []error
	if !c.TLS.known() {
		problems = append(problems, &engine.ValueError{Key: "tls", Problem: "none of the values it takes", Allowed: tlsModes()})
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		problems = append(problems, &engine.ConflictError{
			Keys: []string{"tls_cert", "tls_key"}, Problem: "a certificate needs its key", Hint: "give both",
		})
	}
	for _, file := range []struct{ key, path string }{{"tls_ca", c.TLSCA}, {"tls_cert", c.TLSCert}, {"tls_key", c.TLSKey}} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(file.path); err != nil {
			problems = append(problems, &engine.ValueError{Key: file.key, Problem: "cannot be read", Allowed: "a file"})
		}
	}
	return errors.Join(problems...)
}

// address is where the driver connects to.
func (c Config) address() (network, address string) {
	if c.Socket != "" {
		return "unix", c.Socket
	}
	host := strings.TrimSuffix(strings.TrimPrefix(cmp.Or(c.Host, DefaultHost), "["), "]")
	return "tcp", net.JoinHostPort(host, strconv.Itoa(cmp.Or(c.Port, DefaultPort)))
}

// Name is the database in words, for messages. It holds no secret.
func (c Config) Name() string {
	_, address := c.address()
	return fmt.Sprintf("database %s of MariaDB or MySQL at %s", c.Database, address)
}

// String is the database's URL without the password.
func (c Config) String() string {
	network, address := c.address()
	shown := url.URL{Scheme: "mysql", Host: address, Path: "/" + c.Database}
	if network == "unix" {
		shown.Host, shown.RawQuery = "", url.Values{"socket": {address}}.Encode()
	}
	if c.User != "" {
		shown.User = url.User(c.User)
	}
	return shown.String()
}

// GoString is String: also the debugging form hides the password.
func (c Config) GoString() string { return c.String() }

// LogValue is String: what is logged hides the password.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
