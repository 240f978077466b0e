package postgres

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What a server says depends on its language; what it is told apart by does not, or hardly.
func TestFailuresAreToldApartInAnyLanguage(t *testing.T) {
	t.Parallel()
	config, _, err := ParseArgs(map[string]any{"host": "h", "user": "peer"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code, routine, message string
		want                   FailureKind
		client                 string
	}{
		{"28000", "auth_failed", `Ident authentication failed for user "peer"`, FailedIdent, ""},
		{"28000", "auth_failed", `Ident-Authentifizierung für Benutzer »peer« fehlgeschlagen`, FailedIdent, ""},
		{"28000", "auth_failed", `Peer authentication failed for user "peer"`, FailedPeer, ""},
		{"28000", "auth_failed", `PAM authentication failed for user "peer"`, FailedLogin, ""},
		{"28000", "auth_failed", `certificate authentication failed for user "peer"`, FailedClientCertificate, ""},
		{"28000", "ClientAuthentication", `connection requires a valid client certificate`, FailedClientCertificate, ""},
		{"28000", "ClientAuthentication", `no pg_hba.conf entry for host "192.0.2.7", user "peer", database "d", no encryption`, FailedNoHBAEntry, "192.0.2.7"},
		{"28000", "ClientAuthentication", `kein pg_hba.conf-Eintrag für Host »fe80::1«, Benutzer »peer«, Datenbank »d«, SSL aus`, FailedNoHBAEntry, "fe80::1"},
		{"28000", "ClientAuthentication", `pg_hba.conf rejects connection for host "::1", user "peer", database "d", SSL encryption`, FailedHBAReject, "::1"},
		{"28000", "InitializeSessionUserId", `role "peer" does not exist`, FailedRoleMissing, ""},
		{"28000", "InitializeSessionUserId", `Rolle »peer« existiert nicht`, FailedRoleMissing, ""},
		{"28000", "InitializeSessionUserId", `role "peer" is not permitted to log in`, FailedRoleNoLogin, ""},
		{"28P01", "auth_failed", `Passwort-Authentifizierung für Benutzer »peer« fehlgeschlagen`, FailedPassword, ""},
		{"57P03", "ProcessStartupPacket", `the database system is starting up`, FailedStarting, ""},
		{"57P03", "ProcessStartupPacket", `the database system is shutting down`, FailedStopping, ""},
		{"57P03", "ProcessStartupPacket", `the database system is in recovery mode`, FailedRecovery, ""},
		{"57P03", "ProcessStartupPacket", `the database system is not yet accepting connections`, FailedRecovery, ""},
		{"57P03", "ProcessStartupPacket", `das Datenbanksystem startet`, FailedNotReady, ""},
		{"53300", "InitializeSessionUserId", `too many connections for role "peer"`, FailedTooMany, ""},
		{"XX000", "elog", `anything`, FailedOther, ""},
	} {
		cause := fmt.Errorf("192.0.2.1:5432 (h): server error: %w", &pgconn.PgError{Code: test.code, Routine: test.routine, Message: test.message})
		got := config.failure(cause)
		if got.Kind != test.want || got.Client != test.client || got.Server != "192.0.2.1:5432" {
			t.Errorf("%s: %+v, want %s, client %q", test.message, got, test.want, test.client)
		}
	}
}
