package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/server"
	"github.com/synapsedb/synapse/internal/dbtest"
	private "github.com/synapsedb/synapse/internal/server"
)

// cluster is a server of its own with a database, and its owner, both called homeserver.
func cluster(t *testing.T, settings map[string]string) (superuser *pgx.Conn, subject *finding.Subject) {
	t.Helper()
	started := dbtest.StartPostgres(t, private.PostgresOptions{TCP: true, Durable: true, Settings: settings})
	const name, password = "homeserver", "secret"
	if err := started.CreateRole(t.Context(), name, password); err != nil {
		t.Fatal(err)
	}
	if err := started.CreateDatabase(t.Context(), private.DatabaseOptions{Name: name, Owner: name}); err != nil {
		t.Fatal(err)
	}
	superuser, err := started.Connect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = superuser.Close(context.WithoutCancel(t.Context())) })
	return superuser, open(t, started.PasswordDSN(name, name, password))
}

func TestSettingsThatLoseData(t *testing.T) {
	t.Parallel()
	superuser, subject := cluster(t, map[string]string{"fsync": "off", "full_page_writes": "off", "autovacuum": "off"})
	found := look(t, subject, time.Now())
	for id, severity := range map[string]finding.Severity{
		server.FsyncOff: finding.Error, server.FullPageWritesOff: finding.Warning, server.AutovacuumOff: finding.Warning,
	} {
		execute(t, superuser, doctortest.MustBeOne(t, of(found, id), id, severity, " = off (configuration file)").Remedy.Commands...)
	}
	// The server reads its configuration at any time after it was told to.
	until(t, superuser, `SELECT count(*) = 3 FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'autovacuum') AND setting = 'on'`)
	mended, err := subject.Postgres.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mended.Close() })
	subject.Session = mended
	for _, one := range look(t, subject, time.Now()) {
		if one.Severity != finding.Info {
			t.Errorf("%+v", one)
		}
	}
}

// A server that is made for a demo or a test saves the time that safety takes, and says so.
func TestAServerThatIsThrownAwayNeedNotBeSafe(t *testing.T) {
	t.Parallel()
	started := dbtest.StartPostgres(t, private.PostgresOptions{})
	found := look(t, open(t, started.DSN("postgres", started.Superuser())), time.Now())
	doctortest.MustBeOne(t, of(found, server.FsyncOff), server.FsyncOff, finding.Info, "synapse.throw_away = on")
	doctortest.MustBeOne(t, of(found, server.FullPageWritesOff), server.FullPageWritesOff, finding.Info, "synapse.throw_away = on")
}

func TestAgesOfTransactionIDs(t *testing.T) {
	t.Parallel()
	superuser, subject := cluster(t, map[string]string{"autovacuum": "off"})
	const aged = `UPDATE pg_database SET datfrozenxid = ((4294967296 + pg_current_xact_id()::text::bigint - $1) % 4294967296)::text::xid WHERE datname = current_database()`
	const agedMultixacts = `UPDATE pg_database SET datminmxid = ((4294967296 + 1 - $1) % 4294967296)::text::xid WHERE datname = current_database()`
	for name, test := range map[string]struct {
		statement string
		age       int64
		severity  finding.Severity
	}{
		"late":        {aged, 700_000_000, finding.Warning},
		"almost done": {aged, 1_700_000_000, finding.Error},
		"multixacts":  {agedMultixacts, 800_000_000, finding.Warning},
	} {
		if found := of(look(t, subject, time.Now()), server.TransactionIDAge); len(found) > 0 {
			t.Fatalf("%s: before: %+v", name, found)
		}
		if _, err := superuser.Exec(t.Context(), test.statement, test.age); err != nil {
			t.Fatal(err)
		}
		found := doctortest.MustBeOne(t, of(look(t, subject, time.Now()), server.TransactionIDAge), server.TransactionIDAge, test.severity, "database homeserver: transaction ids ")
		execute(t, superuser, found.Remedy.Commands...)
	}
	if found := of(look(t, subject, time.Now()), server.TransactionIDAge); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

func TestReplicationSlots(t *testing.T) {
	t.Parallel()
	superuser, subject := cluster(t, map[string]string{
		"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB", "autovacuum": "off",
	})
	execute(t, superuser, `SELECT pg_create_physical_replication_slot('left', true)`)
	holding := doctortest.MustBeOne(t, of(look(t, subject, time.Now()), server.SlotHoldsWAL), server.SlotHoldsWAL, finding.Warning, "left (physical, not in use)")
	execute(t, superuser, holding.Remedy.Commands...)
	if left := of(look(t, subject, time.Now()), server.SlotHoldsWAL); len(left) > 0 {
		t.Errorf("%+v", left)
	}
	execute(t, superuser, `SELECT pg_create_physical_replication_slot('gone', true)`, `SELECT pg_create_physical_replication_slot('idle')`)
	doctortest.MustBeOne(t, of(look(t, subject, time.Now()), server.SlotHoldsWAL), server.SlotHoldsWAL, finding.Warning, "gone (physical, not in use)")
	var lost bool
	for range 20 {
		execute(t, superuser, `SELECT pg_logical_emit_message(false, 'fill', 'the segment')`, `SELECT pg_switch_wal()`, `CHECKPOINT`)
		if err := superuser.QueryRow(t.Context(), `SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'gone'`).Scan(&lost); err != nil {
			t.Fatal(err)
		}
		if lost {
			break
		}
	}
	found := look(t, subject, time.Now())
	if holding := of(found, server.SlotHoldsWAL); len(holding) > 0 {
		t.Errorf("%+v", holding)
	}
	execute(t, superuser, doctortest.MustBeOne(t, of(found, server.SlotLost), server.SlotLost, finding.Warning, "gone (physical").Remedy.Commands...)
	if left := of(look(t, subject, time.Now()), server.SlotLost); len(left) > 0 {
		t.Errorf("%+v", left)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, test := range map[string]struct {
		number   int
		now      time.Time
		id       string
		severity finding.Severity
	}{
		"9.6.24": {90624, now, server.VersionTooOld, finding.Error},
		"13.23":  {130023, now, server.VersionTooOld, finding.Error},
		"14.20":  {140020, now, server.VersionEnds, finding.Warning},
		"15.15":  {150015, now, "", ""},
		"15.16":  {150016, now.AddDate(0, 7, 0), server.VersionEnds, finding.Info},
		"15.17":  {150017, now.AddDate(1, 0, 0), server.VersionEnds, finding.Warning},
		"19.1":   {190001, now.AddDate(9, 0, 0), "", ""},
	} {
		found := server.JudgeVersion(test.number, text, test.now)
		if test.id == "" {
			if len(found) > 0 {
				t.Errorf("%s: %+v", text, found)
			}
			continue
		}
		doctortest.MustBeOne(t, of(found, test.id), test.id, test.severity, text)
	}
}

// A server grows old by itself.
func TestTheServersOwnVersionEnds(t *testing.T) {
	t.Parallel()
	subject := open(t, dbtest.NewDatabase(t).DSN)
	var major int
	if err := subject.Session.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::int / 10000`).Scan(&major); err != nil {
		t.Fatal(err)
	}
	then := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	if major < 14 || major > 18 {
		t.Fatalf("the table of versions does not know PostgreSQL %d", major)
	}
	doctortest.MustBeOne(t, of(look(t, subject, then), server.VersionEnds), server.VersionEnds, finding.Warning, "server_version = ")
	if early := of(look(t, subject, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)), server.VersionEnds); len(early) > 0 {
		t.Errorf("%+v", early)
	}
}
