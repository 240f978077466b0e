package postgres

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

const defaultPort = "5432"

// endpoint is one server to try.
type endpoint struct {
	// host is a name, an address, a socket directory, or empty for the
	// default socket directory.
	host string
	// address spares looking up the host.
	address string
	port    string
}

// endpoints pairs up the lists of hosts, addresses and ports.
func (r *reader) endpoints(all settings) []endpoint {
	hosts := strings.Split(all.value("host"), ",")
	addresses := strings.Split(all.value("hostaddr"), ",")
	ports := strings.Split(all.value("port"), ",")
	if all.value("hostaddr") == "" {
		addresses = make([]string, len(hosts))
	} else if all.value("host") == "" {
		hosts = make([]string, len(addresses))
	}
	if len(addresses) != len(hosts) {
		r.reject(&engine.ConflictError{Keys: []string{"hostaddr", "host"}, Problem: "the lists differ in length", Hint: "give one address for each host"})
		return nil
	}
	if len(ports) > 1 && len(ports) != len(hosts) {
		r.reject(&engine.ConflictError{Keys: []string{"port", "host"}, Problem: "the lists differ in length", Hint: "give one port, or one for each host"})
		return nil
	}
	return pairUp(hosts, addresses, ports)
}

func pairUp(hosts, addresses, ports []string) []endpoint {
	endpoints := make([]endpoint, len(hosts))
	for i := range hosts {
		port := ports[0]
		if len(ports) > 1 {
			port = ports[i]
		}
		endpoints[i] = endpoint{host: strings.TrimSpace(hosts[i]), address: addresses[i], port: firstOf(port, defaultPort)}
	}
	return endpoints
}

// name is the host as the driver gets to see it: with an address and no name,
// or with an address and a socket directory, the address wins as in libpq.
func (e endpoint) name() string {
	if e.address != "" && (e.host == "" || isSocketFolder(e.host)) {
		return e.address
	}
	return e.host
}

func isSocketFolder(host string) bool {
	return strings.HasPrefix(host, "/") || isAbstract(host)
}

// isAbstract tells a directory of Linux's abstract socket names.
func isAbstract(host string) bool { return strings.HasPrefix(host, "@") }

// lookup resolves hosts as libpq does: a given address spares the question,
// and abstract socket names are passed on for the dialer to recognise.
func lookup(endpoints []endpoint) func(context.Context, string) ([]string, error) {
	known := map[string][]string{}
	for _, e := range endpoints {
		if e.address != "" {
			known[e.name()] = append(known[e.name()], net.JoinHostPort(e.address, e.port))
		}
	}
	return func(ctx context.Context, host string) ([]string, error) {
		if addresses, found := known[host]; found {
			return addresses, nil
		}
		if isAbstract(host) {
			return []string{host}, nil
		}
		return net.DefaultResolver.LookupHost(ctx, host)
	}
}

// abstractSocket gives the socket's name when an address that the driver took
// for TCP is one of an abstract socket.
func abstractSocket(address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isAbstract(host) {
		return "", false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", false
	}
	return host + "/.s.PGSQL." + port, true
}
