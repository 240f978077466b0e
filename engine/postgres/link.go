package postgres

import (
	"context"
	"net"
	"strings"
	"time"
)

// Link is how connections are kept alive and guarded, as far as the arguments say.
type Link struct {
	// Keepalives is false when TCP keepalives are switched off.
	Keepalives bool
	// KeepalivesIdle, KeepalivesInterval and KeepalivesCount are zero where the operating system's defaults hold.
	KeepalivesIdle, KeepalivesInterval time.Duration
	KeepalivesCount                    int
	// TCPUserTimeout is zero where the operating system's default holds.
	TCPUserTimeout time.Duration
	// SSLMode is libpq's; "prefer" where nothing is said.
	SSLMode string
	// ClientCertificate is the file of the client's certificate; empty without one.
	ClientCertificate string
}

// Link reads it from the arguments.
func (c *Config) Link() Link {
	all := c.settings
	second := func(key string) time.Duration { return time.Duration(number(all.value(key))) * time.Second }
	return Link{
		Keepalives:     all.value("keepalives") != "0",
		KeepalivesIdle: second("keepalives_idle"), KeepalivesInterval: second("keepalives_interval"), KeepalivesCount: number(all.value("keepalives_count")),
		TCPUserTimeout: time.Duration(number(all.value("tcp_user_timeout"))) * time.Millisecond,
		SSLMode:        firstOf(all.value("sslmode"), "prefer"), ClientCertificate: all.value("sslcert"),
	}
}

// HasPassword reports whether there is a password, in the arguments or in a password file.
func (c *Config) HasPassword() bool { return c.pool.ConnConfig.Password != "" }

// Remote names the first server that is another machine; it is empty when all are on this one. A name that cannot be looked up is
// another machine's.
func (c *Config) Remote(ctx context.Context) string {
	for _, try := range attempts(&c.pool.ConnConfig.Config) {
		if isSocketFolder(try.Host) {
			continue
		}
		addresses, err := c.pool.ConnConfig.LookupFunc(ctx, try.Host)
		if err != nil || len(addresses) == 0 {
			return try.Host
		}
		for _, address := range addresses {
			if !IsOwnAddress(address) {
				return try.Host
			}
		}
	}
	return ""
}

// IsOwnAddress reports whether an address, with a port or without, is one of this machine.
func IsOwnAddress(address string) bool {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	wanted := net.ParseIP(strings.Trim(address, "[]"))
	if wanted == nil || wanted.IsLoopback() {
		return wanted != nil
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, one := range own {
		if network, ok := one.(*net.IPNet); ok && network.IP.Equal(wanted) {
			return true
		}
	}
	return false
}
