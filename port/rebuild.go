package port

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// rebuild makes the tasks that fill the tables and put back what was set aside: for each table its ranges, then its
// indexes, several at a time, then constraints and triggers; when all tables have theirs, the foreign keys.
type rebuild struct {
	run      *run
	tasks    []*task
	attached []*task
	analyzed map[string]*task
}

// task makes one about a table; "" for one about several.
func (b *rebuild) task(table, name string, weight int64, run func(context.Context, *worker) error) *task {
	made := &task{name: name, table: table, weight: weight, run: func(ctx context.Context, w *worker) error {
		return b.run.onWorker(ctx, w, func(ctx context.Context) error { return run(ctx, w) })
	}}
	b.tasks = append(b.tasks, made)
	return made
}

func (b *rebuild) table(table *tablePlan, progress *TableProgress) {
	switch table.way {
	case wayReady:
		progress.add(table.rows)
		progress.end()
	case wayCompare:
		b.apply(table, progress)
	case wayAnew, wayFill:
		b.fill(table, progress)
	}
	b.lookAgain(table)
}

// fill makes the tasks for a table whose rows are not in, or not all.
func (b *rebuild) fill(table *tablePlan, progress *TableProgress) {
	r := b.run
	attach := b.task(table.name, "constraints of "+table.name, table.rows, func(ctx context.Context, w *worker) error {
		return r.attach(ctx, w.conn, table)
	})
	indexes := b.indexes(table, progress)
	for _, index := range indexes {
		index.before(attach)
	}
	left, done := missing(table)
	progress.add(done)
	for _, part := range left {
		fill := b.task(table.name, "copy "+table.name, table.rows, func(ctx context.Context, w *worker) error {
			return r.copyUnit(ctx, w, part, progress)
		})
		fill.before(attach)
		for _, index := range indexes {
			fill.before(index)
		}
	}
	analyze := b.analyze(table, progress)
	attach.before(analyze)
	b.attached = append(b.attached, attach)
}

// analyze is the last task of a table but for foreign keys.
func (b *rebuild) analyze(table *tablePlan, progress *TableProgress) *task {
	analyze := b.task(table.name, "analyze "+table.name, table.rows, func(ctx context.Context, w *worker) error {
		progress.say("analyze")
		statements := "ANALYZE " + b.run.target.quote(table.name)
		if table.way != wayCompare {
			statements += fmt.Sprintf(recordReady, postgres.QuoteLiteral(table.name))
		}
		_, err := w.conn.Exec(ctx, statements) // one transaction: there are hundreds of tables
		progress.end()
		return err
	})
	if b.analyzed == nil {
		b.analyzed = map[string]*task{}
	}
	b.analyzed[table.name] = analyze
	return analyze
}

// recordReady follows the statement that makes a table ready.
const recordReady = `;
INSERT INTO synapse_port.table_state (table_name, state, rows, high, low) VALUES (%s, 'ready', 0, 0, 0)
ON CONFLICT (table_name) DO UPDATE SET state = excluded.state`

// lookAgain makes the tasks that note, for a port that is taken up, what rows that are in lost on their way.
func (b *rebuild) lookAgain(table *tablePlan) {
	if !table.deviates || table.way == wayAnew {
		return
	}
	ranges := table.ranges
	if table.way != wayFill {
		ranges = []span{{first: table.low, last: table.high}}
	}
	for _, in := range ranges {
		part := unit{table: table, low: in.first, high: in.last, whole: table.rowid == ""}
		b.task(table.name, "look again at "+table.name, table.rows, func(ctx context.Context, w *worker) error {
			return b.run.noteAgain(ctx, w.reader, part)
		})
	}
}

func (b *rebuild) indexes(table *tablePlan, progress *TableProgress) []*task {
	var tasks []*task
	for _, index := range b.run.record.indexes[table.name] {
		tasks = append(tasks, b.task(table.name, "index "+index.Name, table.rows, func(ctx context.Context, w *worker) error {
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
	add := b.task("", "foreign keys", 1<<62, func(ctx context.Context, w *worker) error {
		if err := r.removeOrphans(ctx, w); err != nil {
			return err
		}
		return r.addForeignKeys(ctx, w.conn)
	})
	for _, attach := range b.attached {
		attach.before(add)
	}
	last := map[string]*task{} // two of one table would wait for each other's lock
	for _, key := range r.keysToProve() {
		child, parent := b.analyzed[key.Table], b.analyzed[key.Parent]
		validate := b.task(key.Table, "foreign key "+key.Name+" of "+key.Table, 1<<40, func(ctx context.Context, w *worker) error {
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
	exists, err := holds(ctx, conn, indexExists, r.target.quote(index.Name))
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, index.Definition)
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
	if !slices.ContainsFunc(r.record.indexes[table.name], func(index *catalog.Index) bool { return index.Constraint != nil }) {
		return nil
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		return r.attachIn(ctx, tx, table, r.record.indexes[table.name])
	})
}

func (r *run) attachIn(ctx context.Context, tx pgx.Tx, table *tablePlan, indexes []*catalog.Index) error {
	for _, index := range indexes {
		if index.Constraint == nil {
			continue
		}
		exists, err := holds(ctx, tx, constraintExists, r.target.quote(table.name), index.Constraint.Name)
		if err != nil {
			return err
		}
		if exists {
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
}

// What an interrupted port had put back already is left alone.
const (
	indexExists      = `SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid)`
	constraintExists = `SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2)`
)

// holds asks a question whose answer is yes or no.
func holds(ctx context.Context, conn executor, question string, args ...any) (is bool, err error) {
	err = conn.QueryRow(ctx, question, args...).Scan(&is)
	return is, err
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
	_, err := conn.Exec(ctx, commentOn(on, text))
	return err
}

func commentOn(object, text string) string {
	return fmt.Sprintf("COMMENT ON %s IS %s", object, postgres.QuoteLiteral(text))
}

const notValid = " NOT VALID"

// addForeignKeys adds all foreign keys as NOT VALID, in one transaction. The triggers are turned on again, as they were,
// only here: no row is taken out any more after this.
func (r *run) addForeignKeys(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return r.addForeignKeysIn(ctx, tx) })
}

func (r *run) addForeignKeysIn(ctx context.Context, tx pgx.Tx) error {
	for table := range r.record.triggers {
		if err := r.enableTriggers(ctx, tx, table); err != nil {
			return err
		}
	}
	missing, err := r.missingForeignKeys(ctx, tx)
	if err != nil {
		return err
	}
	var statements []string
	for _, key := range missing {
		table, name := r.target.quote(key.Table), postgres.QuoteIdentifier(key.Name)
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", table, name, strings.TrimSuffix(key.Definition, notValid)+notValid))
		if key.Comment != "" {
			statements = append(statements, commentOn(fmt.Sprintf("CONSTRAINT %s ON %s", name, table), key.Comment))
		}
	}
	return executeAll(ctx, tx, statements)
}

const presentForeignKeys = `
SELECT t.relname, k.conname FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE k.contype = 'f' AND n.nspname = $1`

// missingForeignKeys are those that no interrupted port has put back already.
func (r *run) missingForeignKeys(ctx context.Context, tx pgx.Tx) ([]*catalog.ForeignKey, error) {
	rows, err := tx.Query(ctx, presentForeignKeys, r.target.schema.Name)
	if err != nil {
		return nil, err
	}
	present := map[[2]string]bool{}
	var table, name string
	if _, err := pgx.ForEachRow(rows, []any{&table, &name}, func() error {
		present[[2]string{table, name}] = true
		return nil
	}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(r.record.foreignKeys), func(key *catalog.ForeignKey) bool {
		return present[[2]string{key.Table, key.Name}]
	}), nil
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

// keysToProve are the foreign keys that do not hold for certain: between tables whose rows change, and all others when a port
// is taken up that may have been interrupted before it had proved them.
func (r *run) keysToProve() []*catalog.ForeignKey {
	return slices.DeleteFunc(slices.Clone(r.record.foreignKeys), func(key *catalog.ForeignKey) bool {
		return r.target.earlier != nil && r.target.earlier.stage == stageComplete && !r.touched(key.Table) && !r.touched(key.Parent)
	})
}

// noteAgain notes what rows lost that an interrupted port has copied.
func (r *run) noteAgain(ctx context.Context, reader *sqlite.Reader, part unit) error {
	var c chunk
	c.reset(part, part.low)
	encoder, hashes := convert.NewEncoder(part.table.columns, 1), r.hasher(part.table)
	return each(ctx, reader, func(row *sqlite.Rows) error {
		if err := r.addRow(ctx, reader, encoder, hashes, &c, row); err != nil {
			return err
		}
		err := r.flush(&c, row.Int64(0))
		c.reset(part, part.low)
		return err
	}, part.query(), part.arguments()...)
}
