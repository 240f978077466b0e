package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// A server begins to vacuum on its own at autovacuum_freeze_max_age. From behind on it is late, and at failsafeAge it drops
// all caution to be done in time (vacuum_failsafe_age). It refuses to write at 2^31 - 3 million
// (https://www.postgresql.org/docs/current/routine-vacuuming.html, "Preventing Transaction ID Wraparound Failures").
const (
	late        = 300_000_000
	latest      = 1_400_000_000
	failsafeAge = 1_600_000_000
)

const agesSQL = `SELECT d.datname, d.datname = current_database(), age(d.datfrozenxid), mxid_age(d.datminmxid),
	current_setting('autovacuum_freeze_max_age')::bigint, current_setting('autovacuum_multixact_freeze_max_age')::bigint
FROM pg_database AS d ORDER BY greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) DESC, 1`

// checkAges looks at all databases of the server, as the oldest stops all of them.
func checkAges(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	var evidence []string
	var own bool
	severity := finding.Info
	err := engine.Each(ctx, subject.Session, agesSQL, nil, func(scan func(...any) error) error {
		var name string
		var here bool
		var ids, multixacts, freezeIDs, freezeMultixacts int64
		if err := scan(&name, &here, &ids, &multixacts, &freezeIDs, &freezeMultixacts); err != nil {
			return err
		}
		worst := worseAge(judgeAge(ids, freezeIDs), judgeAge(multixacts, freezeMultixacts))
		if worst == finding.Info {
			return nil
		}
		severity, own = worseAge(severity, worst), own || here
		evidence = append(evidence, fmt.Sprintf("database %s: transaction ids %d old, multixact ids %d", name, ids, multixacts))
		return nil
	})
	if err != nil || len(evidence) == 0 {
		return nil, err
	}
	return describeAges(ctx, subject.Session, severity, evidence, own)
}

// judgeAge takes the age, and the one at which the server begins to vacuum for it.
func judgeAge(age, freeze int64) finding.Severity {
	switch {
	case age >= failsafeAge:
		return finding.Error
	case age >= min(freeze+late, latest):
		return finding.Warning
	}
	return finding.Info
}

func worseAge(a, b finding.Severity) finding.Severity {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

const oldestTablesSQL = `SELECT n.nspname, c.relname, greatest(age(c.relfrozenxid), mxid_age(c.relminmxid))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' ORDER BY 3 DESC, 1, 2 LIMIT 5`

func describeAges(ctx context.Context, from engine.Querier, severity finding.Severity, evidence []string, own bool) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: TransactionIDAge, Severity: severity, What: "old transaction ids are not cleared away in time",
		Meaning: "at an age of 2147 million the server accepts no writes in any of its databases, until a vacuum has run that can take hours",
		Remedy: finding.Remedy{Text: "end what holds old ids (see the evidence), see that autovacuum is on and not cancelled all the time, " +
			"and vacuum the oldest tables of each database named, as their owner or a superuser"},
	}
	if own {
		err := engine.Each(ctx, from, oldestTablesSQL, nil, func(scan func(...any) error) error {
			var schema, table string
			var age int64
			err := scan(&schema, &table, &age)
			evidence = append(evidence, fmt.Sprintf("table %s: %d old", short(schema, table), age))
			result.Remedy.Commands = append(result.Remedy.Commands, "VACUUM (FREEZE) "+qualified(schema, table)+";")
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("oldest tables: %w", err)
		}
	}
	holders, err := holders(ctx, from)
	result.Evidence = slices.Concat(evidence, holders)
	return []finding.Finding{result}, err
}

// heldAge is how many transactions must have begun since before something counts as what holds vacuuming up.
const heldAge = 1_000_000

// holdersSQL shows sessions of other roles only to those who may see them.
const holdersSQL = `SELECT h.what, h.age FROM (
	SELECT 'the session of pid ' || a.pid || coalesce(', in a transaction since ' || date_trunc('second', a.xact_start), '') AS what, age(a.backend_xmin) AS age
	FROM pg_stat_activity AS a WHERE a.backend_xmin IS NOT NULL
	UNION ALL SELECT 'the prepared transaction ' || p.gid || ' of ' || date_trunc('second', p.prepared), age(p.transaction) FROM pg_prepared_xacts AS p
	UNION ALL SELECT 'the replication slot ' || s.slot_name, greatest(age(s.xmin), age(s.catalog_xmin)) FROM pg_replication_slots AS s
) AS h WHERE h.age >= ? ORDER BY h.age DESC LIMIT 3`

// holders are what keeps old rows from being cleared away, as far as the role may see it.
func holders(ctx context.Context, from engine.Querier) (found []string, err error) {
	err = engine.Each(ctx, from, holdersSQL, []any{int64(heldAge)}, func(scan func(...any) error) error {
		var what string
		var age int64
		err := scan(&what, &age)
		found = append(found, fmt.Sprintf("%s holds everything newer than %d transactions ago", what, age))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("what holds vacuuming up: %w", err)
	}
	return found, nil
}
