package upstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

const delayedContentSQL = `ALTER TABLE delayed_events ALTER COLUMN content TYPE TEXT USING convert_from(content, 'utf8')`

// delayedContentAsText makes delayed_events.content text.
func delayedContentAsText(ctx context.Context, tx engine.Tx) error {
	if tx.Engine() == engine.SQLite {
		return redeclareDelayedContent(ctx, tx)
	}
	if err := execute(ctx, tx, delayedContentSQL); err != nil {
		return fmt.Errorf("make delayed_events.content text: %w", err)
	}
	return nil
}

const delayedDeclarationSQL = `SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'delayed_events'`

// redeclareDelayedContent changes SQLite's declaration only: the values stay what they are.
func redeclareDelayedContent(ctx context.Context, tx engine.Tx) error {
	const before, after = "content bytea", "content TEXT"
	var declaration string
	if err := tx.QueryRow(ctx, delayedDeclarationSQL).Scan(&declaration); err != nil {
		return fmt.Errorf("read the declaration of delayed_events: %w", err)
	}
	if !strings.Contains(declaration, before) {
		return fmt.Errorf("the declaration of delayed_events does not hold %q, as upstream's has it; "+
			"compare the table with a new database's: %s", before, declaration)
	}
	return redeclare(ctx, tx, "delayed_events", strings.ReplaceAll(declaration, before, after))
}

const redeclareSQL = `UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?`

// redeclare writes a declaration and the number by which connections notice it
// (https://www.sqlite.org/lang_altertable.html#otheralter).
func redeclare(ctx context.Context, tx engine.Tx, table, declaration string) (err error) {
	var number int64
	if err := tx.QueryRow(ctx, "PRAGMA schema_version").Scan(&number); err != nil {
		return fmt.Errorf("read the number of the declarations: %w", err)
	}
	if err := execute(ctx, tx, "PRAGMA writable_schema = ON"); err != nil {
		return err
	}
	defer func() {
		if off := execute(context.WithoutCancel(ctx), tx, "PRAGMA writable_schema = OFF"); err == nil {
			err = off
		}
	}()
	if _, err := tx.Exec(ctx, redeclareSQL, declaration, table); err != nil {
		return fmt.Errorf("declare %s anew: %w", table, err)
	}
	return execute(ctx, tx, fmt.Sprintf("PRAGMA schema_version = %d", number+1))
}
