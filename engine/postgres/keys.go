package postgres

import "sort"

// Treatment says what becomes of a key of database.args.
type Treatment string

// What can become of a key.
const (
	// Honoured keys have the effect they have in libpq.
	Honoured Treatment = "honoured"
	// Warned keys are accepted; where they would have had an effect, a Warning
	// says that they have none here.
	Warned Treatment = "warned about"
	// Refused keys, or values, are an error.
	Refused Treatment = "refused"
)

// Key describes one key of database.args: a parameter of libpq, or an argument
// of psycopg2. docs/configuration.md lists them all.
type Key struct {
	Name      string
	Treatment Treatment
	// Allowed says which values the key takes.
	Allowed string
	// Meaning says what the key does here.
	Meaning string

	check  checker
	secret bool
}

// Keys lists every known key of database.args by name.
func Keys() []Key {
	keys := keyTable()
	sort.Slice(keys, func(i, j int) bool { return keys[i].Name < keys[j].Name })
	return keys
}

func knownKeys() map[string]Key {
	known := map[string]Key{}
	for _, key := range keyTable() {
		known[key.Name] = key
	}
	return known
}

func honoured(name string, check checker, meaning string) Key {
	return Key{Name: name, Treatment: Honoured, Allowed: check.allowed, Meaning: meaning, check: check}
}

func secret(name string, meaning string) Key {
	key := honoured(name, text(), meaning)
	key.secret = true
	return key
}

func warned(name string, check checker, meaning string) Key {
	return Key{Name: name, Treatment: Warned, Allowed: check.allowed, Meaning: meaning, check: check}
}

func refused(name string, check checker, meaning string) Key {
	return Key{Name: name, Treatment: Refused, Allowed: check.allowed, Meaning: meaning, check: check}
}

func keyTable() []Key {
	keys := serverKeys()
	keys = append(keys, loginKeys()...)
	keys = append(keys, tlsKeys()...)
	keys = append(keys, sessionKeys()...)
	keys = append(keys, socketKeys()...)
	return append(keys, refusedKeys()...)
}

func serverKeys() []Key {
	return []Key{
		honoured("dsn", text(), "a connection string or URI; the other keys win over what it says"),
		honoured("service", text(), "a section of the service file, read from `servicefile`, `~/.pg_service.conf` or `pg_service.conf` in `PGSYSCONFDIR`"),
		honoured("servicefile", path(), "the service file to read"),
		honoured("host", text(), "server names, comma separated; a name beginning with `/` or `@` is a directory of Unix sockets"),
		honoured("hostaddr", addresses(), "numeric addresses, comma separated, which spare looking up `host`"),
		honoured("port", ports(), "one port for all hosts or one for each, comma separated; default 5432"),
		honoured("dbname", text(), "the database; default: the user's name"),
		honoured("database", text(), "the same as `dbname`; giving both with different values is an error"),
		honoured("target_session_attrs", choice("any", "read-write", "read-only", "primary", "standby", "prefer-standby"), "which of several servers is good enough"),
		honoured("load_balance_hosts", choice("disable", "random"), "`random` tries the hosts in random order"),
	}
}

func loginKeys() []Key {
	return []Key{
		honoured("user", text(), "the role; default: the operating system's user"),
		secret("password", "the role's password"),
		honoured("passfile", path(), "the file that passwords are looked up in; default `~/.pgpass`"),
		honoured("channel_binding", choice("disable", "prefer", "require"), "binding of the login to the TLS connection"),
		honoured("require_auth", authMethods(), "the login methods that the server may ask for"),
		honoured("requirepeer", text(), "the user that the server at a Unix socket must run as (on Linux; elsewhere an error)"),
		warned("gssencmode", choice("disable", "prefer", "require"), "GSSAPI encryption is never used; `require` is an error"),
		warned("krbsrvname", text(), "GSSAPI logins are not supported"),
		warned("gsslib", text(), "GSSAPI logins are not supported"),
		warned("gssdelegation", boolean(), "GSSAPI logins are not supported"),
		refused("scram_client_key", nothing(), "logins with a SCRAM key are not supported: use `password`"),
		refused("scram_server_key", nothing(), "logins with a SCRAM key are not supported: use `password`"),
		refused("oauth_issuer", nothing(), "OAuth logins are not supported"),
		refused("oauth_client_id", nothing(), "OAuth logins are not supported"),
		refused("oauth_client_secret", nothing(), "OAuth logins are not supported"),
		refused("oauth_scope", nothing(), "OAuth logins are not supported"),
	}
}

func tlsKeys() []Key {
	versions := choice("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
	return []Key{
		honoured("sslmode", choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), "whether to use TLS and what to verify; default `prefer`"),
		honoured("sslnegotiation", choice("postgres", "direct"), "`direct` starts TLS at once (PostgreSQL 17 or later)"),
		honoured("sslrootcert", path(), "the certificates to trust; `system` for the operating system's, which implies `verify-full`"),
		honoured("sslcert", path(), "the client's certificate"),
		honoured("sslkey", path(), "the key of the client's certificate"),
		secret("sslpassword", "the password of `sslkey`"),
		honoured("sslcertmode", choice("disable", "allow", "require"), "whether to send the client's certificate"),
		honoured("sslsni", boolean(), "whether to send the server's name when TLS starts; default 1"),
		honoured("ssl_min_protocol_version", versions, "the lowest TLS version; default TLSv1.2"),
		honoured("ssl_max_protocol_version", versions, "the highest TLS version"),
		warned("sslcrl", path(), "revocation lists are not checked"),
		warned("sslcrldir", path(), "revocation lists are not checked"),
		warned("sslcompression", boolean(), "TLS is never compressed"),
		warned("sslkeylogfile", path(), "TLS secrets are never written to a file"),
	}
}

func sessionKeys() []Key {
	protocols := choice("3.0", "3.2", "latest")
	return []Key{
		honoured("application_name", text(), "the name shown in `pg_stat_activity`"),
		honoured("fallback_application_name", text(), "the name shown when `application_name` is not given; default `synapse`"),
		honoured("options", text(), "run-time parameters, written `-c name=value`"),
		honoured("client_encoding", encoding(), "text is always exchanged in UTF-8"),
		honoured("connect_timeout", timeout(), "seconds to wait for each host; 0 or less waits for ever"),
		honoured("min_protocol_version", protocols, "the lowest protocol version to accept"),
		honoured("max_protocol_version", protocols, "the highest protocol version to ask for"),
	}
}

func socketKeys() []Key {
	return []Key{
		honoured("keepalives", anyInteger(), "0 switches TCP keepalives off; default 1"),
		honoured("keepalives_idle", integer(0, 32767), "seconds of silence before the first keepalive; 0: the system's default"),
		honoured("keepalives_interval", integer(0, 32767), "seconds between keepalives that are not answered; 0: the system's default"),
		honoured("keepalives_count", integer(0, 127), "keepalives lost before the connection counts as dead; 0: the system's default"),
		honoured("tcp_user_timeout", integer(0, maxInt32), "milliseconds that sent data may stay unacknowledged (on Linux; elsewhere a warning); 0: the system's default"),
	}
}

func refusedKeys() []Key {
	return []Key{
		refused("replication", falsehood(), "a replication connection takes no ordinary statements"),
		refused("async", falsehood(), "an argument of psycopg2 for Python programs"),
		refused("async_", falsehood(), "an argument of psycopg2 for Python programs"),
		refused("connection_factory", nothing(), "an argument of psycopg2 for Python programs"),
		refused("cursor_factory", nothing(), "an argument of psycopg2 for Python programs"),
	}
}
