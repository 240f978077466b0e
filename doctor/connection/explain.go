package connection

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
)

// prefix begins the IDs of failed connections: "connection_refused" is postgres.FailedRefused.
const prefix = "connection_"

// The findings that are not a postgres.FailureKind.
const (
	// TLSRequired is a server that lets this role in, but not without TLS.
	TLSRequired = "connection_tls_required"
	// PoolerTransactions and PoolerSessions are poolers by how they hand out the server's sessions.
	PoolerTransactions = "pooler_transaction_mode"
	PoolerSessions     = "pooler_session_mode"
)

// ID is that of the finding about a connection that failed.
func ID(kind postgres.FailureKind) string { return prefix + string(kind) }

// cannotStart is what every failure of a connection means.
const cannotStart = "the homeserver cannot start, or loses its database while it runs"

// asAdministrator begins what only the server's administrator can do.
const asAdministrator = "as the server's administrator (such as `sudo -u postgres psql` on its machine): "

// failure is one that is being explained.
type failure struct {
	*postgres.Failure

	config *postgres.Config
}

// Explain says why a connection could not be made, and what to do. It is false when the error is about something else. Where TLS may be
// what is missing, or a pooler is in between, it connects again to find out.
func Explain(ctx context.Context, config *postgres.Config, err error) (finding.Finding, bool) {
	found := config.FailureOf(err)
	if found == nil {
		return finding.Finding{}, false
	}
	f := &failure{Failure: found, config: config}
	result := finding.Finding{
		ID: ID(f.Kind), Severity: finding.Error, What: f.what(), Meaning: cannotStart,
		Evidence: []string{config.Describe(), f.Message}, Remedy: f.remedy(),
	}
	switch {
	case f.Kind == postgres.FailedPooler:
		return f.pooler(ctx), true
	case f.Kind == postgres.FailedNoHBAEntry && f.onlyTLSIsMissing(ctx):
		result.ID = TLSRequired
		result.What = fmt.Sprintf("the server lets %s in with TLS only, and sslmode %s does not use it", f.who(), config.Link().SSLMode)
		result.Remedy = finding.Remedy{Text: "set `sslmode: require` in database.args, or `verify-full` with sslrootcert to verify the server as well"}
	}
	return result, true
}

// who names the role and the database.
func (f *failure) who() string {
	return fmt.Sprintf("the role %q into the database %q", f.config.User(), f.config.Database())
}

func (f *failure) servers() string { return strings.Join(f.config.Hosts(), ", ") }

// what says in one sentence what is wrong.
func (f *failure) what() string {
	user, database := f.config.User(), f.config.Database()
	text := map[postgres.FailureKind]string{
		postgres.FailedRefused:           "nothing listens at " + f.servers(),
		postgres.FailedHostUnknown:       "the name of the host cannot be looked up: " + f.servers(),
		postgres.FailedTimeout:           "no answer came in time from " + f.servers(),
		postgres.FailedSocketMissing:     "there is no server's socket at " + f.servers(),
		postgres.FailedSocketForbidden:   "this user may not use the server's socket at " + f.servers(),
		postgres.FailedOtherPeer:         "the server at the socket does not run as the user that requirepeer names",
		postgres.FailedTLSNotOffered:     fmt.Sprintf("the server offers no TLS, and sslmode %s insists on it", f.config.Link().SSLMode),
		postgres.FailedCertificate:       "the server's certificate is not accepted",
		postgres.FailedTLS:               "no TLS connection could be agreed upon",
		postgres.FailedDatabaseMissing:   fmt.Sprintf("there is no database %q on the server", database),
		postgres.FailedDatabaseClosed:    fmt.Sprintf("the database %q does not accept connections", database),
		postgres.FailedRoleMissing:       fmt.Sprintf("there is no role %q on the server", user),
		postgres.FailedRoleNoLogin:       fmt.Sprintf("the role %q may not log in", user),
		postgres.FailedPassword:          f.wrongPassword(),
		postgres.FailedIdent:             fmt.Sprintf("pg_hba.conf says ident for %s over TCP, and the server found no ident service that vouches for it", f.who()),
		postgres.FailedPeer:              fmt.Sprintf("pg_hba.conf says peer for %s at the socket, and this program runs as the operating system's user %q", f.who(), systemUser()),
		postgres.FailedLogin:             fmt.Sprintf("the method of login that pg_hba.conf gives for %s failed", f.who()),
		postgres.FailedClientCertificate: "the server wants a client's certificate that it trusts for " + f.who(),
		postgres.FailedNoHBAEntry:        "no line of the server's pg_hba.conf lets " + f.who() + " from here",
		postgres.FailedHBAReject:         "a line of the server's pg_hba.conf rejects " + f.who() + " from here",
		postgres.FailedConnectRight:      fmt.Sprintf("the role %q may not connect to the database %q", user, database),
		postgres.FailedTooMany:           f.tooMany().what,
		postgres.FailedStarting:          "the server is starting",
		postgres.FailedStopping:          "the server is shutting down",
		postgres.FailedRecovery:          "the server is in recovery and takes no connections yet",
		postgres.FailedNotReady:          "the server is starting, shutting down or in recovery",
		postgres.FailedOption:            "the server does not take a parameter that options in database.args (or the role's settings) gives",
	}[f.Kind]
	if text == "" {
		text = "no connection could be made: " + f.Message
	}
	return text
}

func (f *failure) wrongPassword() string {
	if !f.config.HasPassword() {
		return fmt.Sprintf("the server asks for the password of the role %q, and the configuration has none", f.config.User())
	}
	return fmt.Sprintf("the server refuses the password of the role %q (it says the same when there is no such role)", f.config.User())
}

// remedy says what to do.
func (f *failure) remedy() finding.Remedy {
	switch f.Kind { //nolint:exhaustive // the others are explained by a text
	case postgres.FailedIdent, postgres.FailedPeer, postgres.FailedNoHBAEntry, postgres.FailedHBAReject, postgres.FailedLogin:
		return f.admission()
	case postgres.FailedPassword:
		return f.passwordRemedy()
	case postgres.FailedTooMany:
		return f.tooMany().remedy
	case postgres.FailedCertificate:
		return finding.Remedy{Text: certificateRemedy(f.Message)}
	}
	if remedy, known := f.serverRemedies()[f.Kind]; known {
		return remedy
	}
	return finding.Remedy{Text: f.networkRemedy()}
}

func (f *failure) networkRemedy() string {
	text := map[postgres.FailureKind]string{
		postgres.FailedRefused:         "check that the server runs (`pg_lsclusters`, `systemctl status postgresql`), that host and port in database.args are its own, and that listen_addresses in its postgresql.conf names an address that this machine reaches (a change there needs a restart)",
		postgres.FailedHostUnknown:     "correct host in database.args, or the name service; hostaddr gives an address that need not be looked up",
		postgres.FailedTimeout:         "check host and port in database.args, and the firewalls in between: they drop what is sent",
		postgres.FailedSocketMissing:   "check that the server runs, and that host in database.args is one of its unix_socket_directories (often /var/run/postgresql) and port its own",
		postgres.FailedSocketForbidden: "run as a user who may (unix_socket_group and unix_socket_permissions of the server), or connect over TCP",
		postgres.FailedOtherPeer:       "correct requirepeer in database.args, or find out who has put a server there",
		postgres.FailedTLSNotOffered:   "set ssl = on with ssl_cert_file and ssl_key_file in the server's postgresql.conf and reload it, or, on a network that nobody listens to, sslmode: prefer in database.args",
		postgres.FailedTLS:             "check sslmode, sslcert and sslkey in database.args against the server's ssl settings; its log says what it did not like",
	}[f.Kind]
	if text == "" {
		text = "look into the server's log at this moment, and whether something else than PostgreSQL listens there"
	}
	return text
}

func certificateRemedy(message string) string {
	switch {
	case strings.Contains(message, "expired"):
		return "renew the server's certificate (ssl_cert_file) and reload the server, or correct the clock of this machine"
	case strings.Contains(message, "not valid for any names"), strings.Contains(message, "certificate is valid for"), strings.Contains(message, "doesn't contain any IP SANs"):
		return "give as host in database.args a name that the certificate has (hostaddr can give the address), or sslmode: verify-ca, which compares no names"
	}
	return "let sslrootcert in database.args be the file of the authority that signed the server's certificate"
}

// serverRemedies are about what the server itself has said.
func (f *failure) serverRemedies() map[postgres.FailureKind]finding.Remedy {
	role, database := postgres.QuoteIdentifier(f.config.User()), postgres.QuoteIdentifier(f.config.Database())
	wait := finding.Remedy{Text: "wait, and look into the server's log when it takes longer than usual"}
	return map[postgres.FailureKind]finding.Remedy{
		postgres.FailedDatabaseMissing: {
			Text: "correct dbname in database.args, or have the database made by `synapse create-database`, or " + asAdministrator + "create it",
			Commands: []string{fmt.Sprintf("CREATE DATABASE %s OWNER %s ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;",
				database, role)},
		},
		postgres.FailedDatabaseClosed: {
			Text:     "find out who has closed it, and why (a job that moves it does so until it is done); then " + asAdministrator + "open it",
			Commands: []string{"ALTER DATABASE " + database + " ALLOW_CONNECTIONS true;"},
		},
		postgres.FailedRoleMissing: {
			Text:     "correct user in database.args, or have the role made by `synapse create-database`, or " + asAdministrator + "create it",
			Commands: []string{"CREATE ROLE " + role + " LOGIN;", `\password ` + role},
		},
		postgres.FailedRoleNoLogin:       {Text: asAdministrator + "let it log in", Commands: []string{"ALTER ROLE " + role + " LOGIN;"}},
		postgres.FailedConnectRight:      {Text: asAdministrator + "give it the right", Commands: []string{fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s;", database, role)}},
		postgres.FailedClientCertificate: {Text: "give sslcert and sslkey in database.args a certificate whose common name is the role's, signed by an authority in the server's ssl_ca_file; or have the line of pg_hba.conf ask for a password (scram-sha-256)"},
		postgres.FailedStarting:          wait,
		postgres.FailedNotReady:          wait,
		postgres.FailedStopping:          {Text: "wait until it is down and start it again (`pg_ctlcluster`, `systemctl start postgresql`); a smart shutdown waits for every session to end"},
		postgres.FailedRecovery:          {Text: "wait until recovery is done; a standby lets nobody in while hot_standby is off: give the primary as host"},
		postgres.FailedOption: {
			Text:     "correct options in database.args; what the role or the database is given at login shows the query",
			Commands: []string{"SELECT setrole::regrole, setdatabase, setconfig FROM pg_db_role_setting;"},
		},
	}
}

func (f *failure) passwordRemedy() finding.Remedy {
	role := postgres.QuoteIdentifier(f.config.User())
	return finding.Remedy{
		Text: asAdministrator + "look whether the role is there, has a password that is still valid, and how it is stored (a password stored as md5 does not " +
			"pass a line of pg_hba.conf that says scram-sha-256); set a new one and write it into database.args",
		Commands: []string{
			fmt.Sprintf("SELECT rolname, rolcanlogin, rolvaliduntil, CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword LIKE 'md5%%' THEN 'md5' ELSE 'scram-sha-256' END AS password FROM pg_authid WHERE rolname = %s;",
				strings.TrimSpace(postgres.QuoteLiteral(f.config.User()))),
			`\password ` + role,
		},
	}
}

// limit is which of three limits was reached.
type limit struct {
	what   string
	remedy finding.Remedy
}

// tooMany tells them apart by the routine of the server that refused.
func (f *failure) tooMany() limit {
	role, database := f.config.User(), f.config.Database()
	const busy = "SELECT usename, datname, application_name, state, count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC;"
	const text = "find out who holds the connections, and make cp_max of all processes of the homeserver fit; or raise the limit: "
	switch f.Routine {
	case "InitializeSessionUserId":
		return limit{fmt.Sprintf("the role %q has reached its own limit of connections", role),
			finding.Remedy{Text: text + asAdministrator + "-1 is none", Commands: []string{busy, "ALTER ROLE " + postgres.QuoteIdentifier(role) + " CONNECTION LIMIT -1;"}}}
	case "CheckMyDatabase":
		return limit{fmt.Sprintf("the database %q has reached its own limit of connections", database),
			finding.Remedy{Text: text + asAdministrator + "-1 is none", Commands: []string{busy, "ALTER DATABASE " + postgres.QuoteIdentifier(database) + " CONNECTION LIMIT -1;"}}}
	}
	return limit{"the server has as many connections as max_connections allows to roles that are no superusers",
		finding.Remedy{Text: text + asAdministrator + "max_connections needs a restart of the server, and each connection costs memory",
			Commands: []string{busy, "SHOW max_connections;", "SHOW superuser_reserved_connections;"}}}
}
