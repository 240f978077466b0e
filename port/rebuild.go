package port

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
)

// rebuild makes the tasks that fill the tables and put back what was set aside: for each table its ranges, then its
// indexes, several at a time, then constraints and triggers; when all tables have theirs, the foreign keys.
type rebuild struct {
	run      *run
	tasks    []*task
	attached []*task
	analyzed map[string]*task
}

func (b *rebuild) task(name string, weight int64, run func(context.Context, *worker) error) *task {
	made := &task{name: name, weight: weight, run: run}
	b.tasks = append(b.tasks, made)
	return made
}

func (b *rebuild) table(table *tablePlan, progress *TableProgress) {
	r := b.run
	attach := b.task("constraints of "+table.name, table.rows, func(ctx context.Context, w *worker) error {
		return r.attach(ctx, w.conn, table)
	})
	indexes := b.indexes(table, progress)
	for _, index := range indexes {
		index.before(attach)
	}
	for _, part := range units(table) {
		fill := b.task("copy "+table.name, table.rows, func(ctx context.Context, w *worker) error {
			return r.copyUnit(ctx, w, part, progress)
		})
		fill.before(attach)
		for _, index := range indexes {
			fill.before(index)
		}
	}
	analyze := b.task("analyze "+table.name, table.rows, func(ctx context.Context, w *worker) error {
		progress.say("analyze")
		_, err := w.conn.Exec(ctx, "ANALYZE "+r.target.quote(table.name))
		progress.end()
		return err
	})
	attach.before(analyze)
	b.attached = append(b.attached, attach)
	if b.analyzed == nil {
		b.analyzed = map[string]*task{}
	}
	b.analyzed[table.name] = analyze
}

func (b *rebuild) indexes(table *tablePlan, progress *TableProgress) []*task {
	var tasks []*task
	for _, index := range b.run.record.indexes[table.name] {
		tasks = append(tasks, b.task("index "+index.Name, table.rows, func(ctx context.Context, w *worker) error {
			progress.say("index " + index.Name)
			return b.run.buildIndex(ctx, w.conn, table, index)
		}))
	}
	return tasks
}

// foreignKeys adds them all at once without looking at the rows, then looks, several at a time. Validating takes
// locks that let other tables' validation go on; adding a valid one does not.
func (b *rebuild) foreignKeys() {
	r := b.run
	add := b.task("foreign keys", 1<<62, func(ctx context.Context, w *worker) error {
		if err := r.removeOrphans(ctx, w); err != nil {
			return err
		}
		return r.addForeignKeys(ctx, w.conn)
	})
	for _, attach := range b.attached {
		attach.before(add)
	}
	last := map[string]*task{} // two of one table would wait for each other's lock
	for _, key := range r.record.foreignKeys {
		child, parent := b.analyzed[key.Table], b.analyzed[key.Parent]
		validate := b.task("foreign key "+key.Name+" of "+key.Table, 1<<40, func(ctx context.Context, w *worker) error {
			return r.validate(ctx, w.conn, key)
		})
		add.before(validate)
		if before := last[key.Table]; before != nil {
			before.before(validate)
		}
		last[key.Table] = validate
		for _, analyze := range []*task{child, parent} {
			if analyze != nil {
				analyze.before(validate)
			}
		}
	}
}

// buildIndex makes an index again. An index that a constraint will use is made the same way, so that several of
// a table can be made at a time.
func (r *run) buildIndex(ctx context.Context, conn *pgx.Conn, table *tablePlan, index *catalog.Index) error {
	if index.Constraint != nil && index.Constraint.Exclusion {
		return nil // comes with its constraint
	}
	_, err := conn.Exec(ctx, index.Definition)
	if err != nil && isRefusal(err) {
		err = r.mendIndex(ctx, conn, table, index, err)
	}
	if err != nil {
		return err
	}
	return r.comment(ctx, conn, "INDEX "+r.target.quote(index.Name), index.Comment)
}

// attach makes constraints of their indexes.
func (r *run) attach(ctx context.Context, conn *pgx.Conn, table *tablePlan) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, index := range r.record.indexes[table.name] {
			if index.Constraint == nil {
				continue
			}
			if _, err := tx.Exec(ctx, r.constraintStatement(table.name, index)); err != nil {
				return fmt.Errorf("constraint %s: %w", index.Constraint.Name, err)
			}
			on := fmt.Sprintf("CONSTRAINT %s ON %s", postgres.QuoteIdentifier(index.Constraint.Name), r.target.quote(table.name))
			if err := r.comment(ctx, tx, on, index.Constraint.Comment); err != nil {
				return err
			}
			if err := r.comment(ctx, tx, "INDEX "+r.target.quote(index.Name), index.Comment); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *run) constraintStatement(table string, index *catalog.Index) string {
	constraint := index.Constraint
	add := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s ", r.target.quote(table), postgres.QuoteIdentifier(constraint.Name))
	if constraint.Exclusion {
		return add + constraint.Definition
	}
	kind := "UNIQUE"
	if constraint.Primary {
		kind = "PRIMARY KEY"
	}
	add += kind + " USING INDEX " + postgres.QuoteIdentifier(index.Name)
	if constraint.Deferrable {
		add += " DEFERRABLE"
	}
	if constraint.Deferred {
		add += " INITIALLY DEFERRED"
	}
	return add
}

// triggerStates are what ALTER TABLE calls the values of pg_trigger.tgenabled.
var triggerStates = map[string]string{"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}

func (r *run) enableTriggers(ctx context.Context, tx pgx.Tx, table string) error {
	for _, trigger := range r.record.triggers[table] {
		_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s %s TRIGGER %s",
			r.target.quote(table), triggerStates[trigger.Enabled], postgres.QuoteIdentifier(trigger.Name)))
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) comment(ctx context.Context, conn executor, on, text string) error {
	if text == "" {
		return nil
	}
	_, err := conn.Exec(ctx, fmt.Sprintf("COMMENT ON %s IS %s", on, postgres.QuoteLiteral(text)))
	return err
}

const notValid = " NOT VALID"

// addForeignKeys adds all foreign keys as NOT VALID, in one transaction. The triggers are turned on again, as they were,
// only here: no row is taken out any more after this.
func (r *run) addForeignKeys(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for table := range r.record.triggers {
			if err := r.enableTriggers(ctx, tx, table); err != nil {
				return err
			}
		}
		for _, key := range r.record.foreignKeys {
			if err := r.addForeignKey(ctx, tx, key); err != nil {
				return fmt.Errorf("foreign key %s of %s: %w", key.Name, key.Table, err)
			}
		}
		return nil
	})
}

func (r *run) addForeignKey(ctx context.Context, tx pgx.Tx, key *catalog.ForeignKey) error {
	name := postgres.QuoteIdentifier(key.Name)
	_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s",
		r.target.quote(key.Table), name, strings.TrimSuffix(key.Definition, notValid)+notValid))
	if err != nil {
		return err
	}
	return r.comment(ctx, tx, fmt.Sprintf("CONSTRAINT %s ON %s", name, r.target.quote(key.Table)), key.Comment)
}

// validate proves a foreign key: by VALIDATE CONSTRAINT, or, when it has to stay NOT VALID, by looking.
func (r *run) validate(ctx context.Context, conn *pgx.Conn, key *catalog.ForeignKey) error {
	if key.Validated {
		_, err := conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s",
			r.target.quote(key.Table), postgres.QuoteIdentifier(key.Name)))
		return err
	}
	var orphans int64
	query := fmt.Sprintf("SELECT count(*) FROM %s AS c WHERE %s", r.target.quote(key.Table), r.orphanCondition(key))
	if err := conn.QueryRow(ctx, query).Scan(&orphans); err != nil {
		return err
	}
	if orphans > 0 {
		return fmt.Errorf("%d rows of %s have no parent in %s", orphans, key.Table, key.Parent)
	}
	return nil
}

// orphanCondition is true of rows, as c, whose parent is missing.
func (r *run) orphanCondition(key *catalog.ForeignKey) string {
	var matches, present []string
	for i := range key.Columns {
		own := "c." + postgres.QuoteIdentifier(key.Columns[i])
		matches = append(matches, "p."+postgres.QuoteIdentifier(key.ParentKey[i])+" = "+own)
		present = append(present, own+" IS NOT NULL")
	}
	return fmt.Sprintf("%s AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s)",
		strings.Join(present, " AND "), r.target.quote(key.Parent), strings.Join(matches, " AND "))
}
