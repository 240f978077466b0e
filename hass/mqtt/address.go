package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
)

// address is where a broker is.
type address struct {
	host, port string
	secure     bool
}

// parseAddress reads a Config's URL. No error repeats it, since a password may stand in it where none belongs.
func parseAddress(text string) (address, error) {
	refused := func(problem string) (address, error) { return address{}, &ConfigError{Key: "URL", Problem: problem} }
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" {
		return refused("has to be of the form mqtt://HOST:1883, or mqtts://HOST:8883 for TLS")
	}
	if parsed.User != nil {
		return refused("contains a user or a password: those go into Username and Password")
	}
	if parsed.Path != "" && parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return refused("has more than a host and a port")
	}
	found := address{host: parsed.Hostname(), port: parsed.Port()}
	standard := "1883"
	switch parsed.Scheme {
	case "mqtt", "tcp":
	case "mqtts", "ssl":
		found.secure, standard = true, "8883"
	default:
		return refused("begins with none of mqtt://, tcp://, mqtts:// and ssl://")
	}
	if found.port == "" {
		found.port = standard
	}
	if number, err := strconv.ParseUint(found.port, 10, 16); err != nil || number == 0 {
		return refused("has a port that is no number from 1 to 65535")
	}
	return found, nil
}

// String returns the address as a URL.
func (a address) String() string {
	scheme := "mqtt://"
	if a.secure {
		scheme = "mqtts://"
	}
	return scheme + a.hostPort()
}

func (a address) hostPort() string { return net.JoinHostPort(a.host, a.port) }

// encryption returns what a connection's TLS follows, nil for one without. It reads the files.
func (c Config) encryption(broker address) (*tls.Config, error) {
	if !broker.secure {
		for key, given := range map[string]bool{"TLS": c.TLS != nil, "CAFile": c.CAFile != "", "CertFile": c.CertFile != "", "KeyFile": c.KeyFile != ""} {
			if given {
				return nil, &ConfigError{Key: key, Problem: "is for TLS, but the URL is for a connection without: it has to begin with mqtts://"}
			}
		}
		return nil, nil //nolint:nilnil // no TLS
	}
	settings := c.TLS.Clone()
	if settings == nil {
		settings = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if settings.ServerName == "" {
		settings.ServerName = broker.host
	}
	return settings, errors.Join(c.readAuthority(settings), c.readCertificate(settings))
}

func (c Config) readAuthority(settings *tls.Config) error {
	if c.CAFile == "" {
		return nil
	}
	content, err := os.ReadFile(c.CAFile)
	if err != nil {
		return &ConfigError{Key: "CAFile", Problem: err.Error()}
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(content) {
		return &ConfigError{Key: "CAFile", Problem: c.CAFile + " contains no certificate in PEM"}
	}
	return nil
}

func (c Config) readCertificate(settings *tls.Config) error {
	switch {
	case c.CertFile == "" && c.KeyFile == "":
		return nil
	case c.KeyFile == "":
		return &ConfigError{Key: "KeyFile", Problem: "is missing: the certificate in CertFile has a key"}
	case c.CertFile == "":
		return &ConfigError{Key: "CertFile", Problem: "is missing: the key in KeyFile has a certificate"}
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return &ConfigError{Key: "CertFile", Problem: fmt.Sprintf("cannot be used with KeyFile: %v", err)}
	}
	settings.Certificates = []tls.Certificate{pair}
	return nil
}
