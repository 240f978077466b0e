package tables

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

type sqliteBatches struct{ sqliteDialect }

func (sqliteBatches) unchecked() string { return "PRAGMA foreign_keys = OFF" }

func (sqliteBatches) setCounter(ctx context.Context, session engine.Session, counter CounterReport) error {
	return session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", counter.Table)
		if err != nil || counter.Last < 1 {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", counter.Table, counter.Last)
		return err
	})
}

type mysqlBatches struct{ mysqlDialect }

func (mysqlBatches) unchecked() string { return "SET SESSION foreign_key_checks = 0" }

func (d mysqlBatches) setCounter(ctx context.Context, session engine.Session, counter CounterReport) error {
	if counter.Last < 1 {
		return nil
	}
	_, err := session.Exec(ctx, fmt.Sprintf("ALTER TABLE %s AUTO_INCREMENT = %d", d.quote(counter.Table), counter.Last+1))
	return err
}

const mysqlForeignKeys = `SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL AND REFERENCED_TABLE_SCHEMA = DATABASE()
ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION`

// reference is a foreign key.
type reference struct {
	table, name, parent string
	here, there         []string
}

// brokenKeys looks for rows without the row that they refer to: MySQL does not look at those that came unchecked.
func (d mysqlBatches) brokenKeys(ctx context.Context, session engine.Querier) (broken []string, err error) {
	var found []*reference
	err = engine.Each(ctx, session, mysqlForeignKeys, nil, func(scan func(...any) error) error {
		var table, name, here, parent, there string
		err := scan(&table, &name, &here, &parent, &there)
		if last := len(found) - 1; last < 0 || found[last].table != table || found[last].name != name {
			found = append(found, &reference{table: table, name: name, parent: parent})
		}
		last := found[len(found)-1]
		last.here, last.there = append(last.here, here), append(last.there, there)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, key := range found {
		var orphans bool
		if err := session.QueryRow(ctx, "SELECT EXISTS ("+d.orphans(key)+")").Scan(&orphans); err != nil {
			return nil, err
		}
		if orphans {
			broken = append(broken, key.table+" to "+key.parent)
		}
	}
	return broken, nil
}

// orphans is the query for the rows that break a foreign key.
func (d mysqlBatches) orphans(key *reference) string {
	var joined, present []string
	for i := range key.here {
		here, there := "h."+d.quote(key.here[i]), "t."+d.quote(key.there[i])
		joined, present = append(joined, here+" = "+there), append(present, here+" IS NOT NULL")
	}
	return "SELECT 1 FROM " + d.quote(key.table) + " AS h WHERE " + strings.Join(present, " AND ") +
		" AND NOT EXISTS (SELECT 1 FROM " + d.quote(key.parent) + " AS t WHERE " + strings.Join(joined, " AND ") + ")"
}
