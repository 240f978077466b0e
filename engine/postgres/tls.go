package postgres

import (
	"crypto/tls"
	"os"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// checkTLS applies libpq's rules on TLS parameters where the driver has none
// or milder ones, and completes what the driver wants completed.
func (r *reader) checkTLS(all settings, endpoints []endpoint) {
	r.checkTLSVersions(all)
	if !slices.ContainsFunc(endpoints, func(e endpoint) bool { return !isSocketFolder(e.name()) && e.name() != "" }) {
		return
	}
	if all.value("sslmode") == "disable" {
		// The driver reads the files even so.
		for _, key := range []string{"sslrootcert", "sslcert", "sslkey"} {
			all[key] = setting{}
		}
	}
	r.checkWeakTLS(all)
	r.checkTrust(all)
	r.completeClientCertificate(all)
}

func (r *reader) checkTLSVersions(all settings) {
	lowest := tlsVersion(firstOf(all.value("ssl_min_protocol_version"), "TLSv1.2"))
	highest := tlsVersion(firstOf(all.value("ssl_max_protocol_version"), "TLSv1.3"))
	if lowest > highest {
		r.reject(&engine.ConflictError{
			Keys:    []string{"ssl_min_protocol_version", "ssl_max_protocol_version"},
			Problem: "the lowest version (TLSv1.2 unless given) is above the highest",
		})
	}
}

// checkWeakTLS refuses modes that may end without the TLS that other keys ask
// for.
func (r *reader) checkWeakTLS(all settings) {
	mode := all.value("sslmode")
	weak := slices.Contains([]string{"disable", "allow", "prefer"}, mode)
	if weak && all.value("sslnegotiation") == "direct" {
		r.reject(&engine.ConflictError{Keys: []string{"sslmode", "sslnegotiation"}, Problem: "direct TLS needs a mode that insists on TLS", Hint: "set sslmode to require or stronger"})
	}
	if mode != "" && mode != "verify-full" && all.value("sslrootcert") == "system" {
		r.reject(&engine.ConflictError{Keys: []string{"sslmode", "sslrootcert"}, Problem: "the system's certificates need the server's name verified", Hint: "set sslmode to verify-full"})
	}
}

// checkTrust refuses to verify against nothing, as libpq does. The driver
// would take the system's certificates.
func (r *reader) checkTrust(all settings) {
	mode := all.value("sslmode")
	if mode != "verify-ca" && mode != "verify-full" || all.value("sslrootcert") != "" {
		return
	}
	if file := r.inHome(".postgresql", "root.crt"); isFile(file) && !all.has("sslrootcert") {
		return
	}
	r.reject(&engine.ConflictError{
		Keys:    []string{"sslmode", "sslrootcert"},
		Problem: "there is no certificate to verify the server's against",
		Hint:    "give sslrootcert a file, or system with verify-full",
	})
}

func (s settings) has(key string) bool {
	_, present := s[key]
	return present
}

// completeClientCertificate fills in libpq's default for the half of a
// certificate and its key that is not given.
func (r *reader) completeClientCertificate(all settings) {
	halves := map[string]string{"sslcert": "postgresql.crt", "sslkey": "postgresql.key"}
	for given, missing := range map[string]string{"sslcert": "sslkey", "sslkey": "sslcert"} {
		if all.value(given) == "" || all.value(missing) != "" || all.value("sslcertmode") == "disable" {
			continue
		}
		file := r.inHome(".postgresql", halves[missing])
		if !isFile(file) {
			r.reject(&engine.ConflictError{Keys: []string{given, missing}, Problem: "a certificate needs its key", Hint: "give " + missing + " too"})
			continue
		}
		all[missing] = setting{value: file}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func tlsVersion(name string) uint16 {
	return map[string]uint16{
		"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
	}[name]
}

func limitTLSVersions(connection *pgconn.Config, all settings) {
	lowest, highest := tlsVersion(all.value("ssl_min_protocol_version")), tlsVersion(all.value("ssl_max_protocol_version"))
	set := func(config *tls.Config) {
		if config != nil {
			config.MinVersion, config.MaxVersion = lowest, highest
		}
	}
	set(connection.TLSConfig)
	for _, fallback := range connection.Fallbacks {
		set(fallback.TLSConfig)
	}
}

// withoutTLSOnSockets drops TLS for abstract sockets, which the driver takes
// for TCP hosts, and with it the attempts that only differed in TLS.
func withoutTLSOnSockets(connection *pgconn.Config) {
	tries := attempts(connection)
	for _, try := range tries {
		if isAbstract(try.Host) {
			try.TLSConfig = nil
		}
	}
	tries = slices.CompactFunc(tries, func(a, b *pgconn.FallbackConfig) bool {
		return isAbstract(a.Host) && a.Host == b.Host && a.Port == b.Port
	})
	setAttempts(connection, tries)
}

// attempts gives what the driver tries in turn, the first one included.
func attempts(connection *pgconn.Config) []*pgconn.FallbackConfig {
	first := &pgconn.FallbackConfig{Host: connection.Host, Port: connection.Port, TLSConfig: connection.TLSConfig}
	return append([]*pgconn.FallbackConfig{first}, connection.Fallbacks...)
}

func setAttempts(connection *pgconn.Config, tries []*pgconn.FallbackConfig) {
	connection.Host, connection.Port, connection.TLSConfig = tries[0].Host, tries[0].Port, tries[0].TLSConfig
	connection.Fallbacks = tries[1:]
}

// shuffle puts the servers into random order; the attempts at one server stay
// together, as sslmode has ordered them.
func shuffle(connection *pgconn.Config, permute func(n int, swap func(i, j int))) {
	var servers [][]*pgconn.FallbackConfig
	for _, try := range attempts(connection) {
		last := len(servers) - 1
		if last >= 0 && servers[last][0].Host == try.Host && servers[last][0].Port == try.Port {
			servers[last] = append(servers[last], try)
			continue
		}
		servers = append(servers, []*pgconn.FallbackConfig{try})
	}
	permute(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	setAttempts(connection, slices.Concat(servers...))
}
