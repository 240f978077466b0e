package server

import (
	"context"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// The findings.
const (
	VersionTooOld        = "server_version_too_old"
	VersionEnds          = "server_version_end"
	DatabaseEncoding     = "database_encoding"
	DatabaseLocale       = "database_locale"
	UnsafeLocaleAllowed  = "unsafe_locale_allowed"
	CollationVersion     = "collation_version"
	FsyncOff             = "fsync_off"
	FullPageWritesOff    = "full_page_writes_off"
	SynchronousCommitOff = "synchronous_commit_off"
	DamageIgnored        = "damage_ignored"
	AutovacuumOff        = "autovacuum_off"
	TransactionIDAge     = "transaction_id_age"
	SlotHoldsWAL         = "replication_slot_holds_wal"
	SlotLost             = "replication_slot_lost"
	TableAutovacuumOff   = "table_autovacuum_off"
	DeadRows             = "dead_rows"
	Bloat                = "bloat"
	IndexDuplicate       = "index_duplicate"
	IndexUnused          = "index_unused"
	IndexInvalid         = "index_invalid"
	ConstraintNotValid   = "constraint_not_valid"
)

// FixInvalidIndexes is the ID of the fix of IndexInvalid.
const FixInvalidIndexes = "invalid_indexes"

// Checks are the checks of this package.
func Checks() []finding.Check { return checks(time.Now) }

func checks(now func() time.Time) []finding.Check {
	only := []engine.Kind{engine.Postgres}
	version := func(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
		return checkVersion(ctx, subject, now())
	}
	unused := func(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
		return checkIndexes(ctx, subject, now())
	}
	return []finding.Check{
		{Name: "server_version", Engines: only, Reads: "the server's version", Run: version},
		{Name: "database_locale", Engines: only, Reads: "the encoding and the locale of the database, and the collations of indexes", Run: checkLocale},
		{Name: "server_settings", Engines: only, Reads: "settings of the server", Run: checkSettings},
		{Name: "transaction_ids", Engines: only, Reads: "the ages of the oldest transaction ids", Run: checkAges},
		{Name: "replication_slots", Engines: only, Reads: "the replication slots", Run: checkSlots},
		{Name: "vacuum", Engines: only, Reads: "options and statistics of the tables", Run: checkVacuum},
		{Name: "indexes", Engines: only, Reads: "the catalog and the statistics of the indexes", Run: unused},
		{Name: "constraints", Engines: only, Reads: "the catalog of the constraints", Run: checkConstraints},
	}
}

// Fixes are what this package can mend.
func Fixes() []finding.Fix {
	return []finding.Fix{{ID: FixInvalidIndexes, Plan: planInvalid, Apply: applyInvalid}}
}

// ownSchemas leaves out the server's own tables, and those that are temporary. The namespace is n.
const ownSchemas = `n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'`

// qualified names a table or an index for a statement.
func qualified(schema, name string) string {
	return postgres.QuoteIdentifier(schema) + "." + postgres.QuoteIdentifier(name)
}

// short names a table or an index for a reader.
func short(schema, name string) string {
	if schema == "public" {
		return name
	}
	return schema + "." + name
}

// size writes bytes for a reader.
func size(bytes int64) string {
	switch {
	case bytes >= 10<<30:
		return fmt.Sprintf("%d GB", bytes>>30)
	case bytes >= 10<<20:
		return fmt.Sprintf("%d MB", bytes>>20)
	}
	return fmt.Sprintf("%d kB", bytes>>10)
}
