package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// file is a script on its way, for files that cannot be one transaction: those with statements that the engine runs
// outside of any, and all of MySQL's, where each DDL statement commits by itself. What is done is recorded after every
// statement. Before a DDL statement that cannot be undone, a checksum of the catalog is recorded: after a crash the
// catalog tells by it whether the statement was done.
type file struct {
	*applier
	step    *Step
	name    string // in schema_progress
	script  *script
	reached progress
}

func (a *applier) statementByStatement(ctx context.Context, step *Step) error {
	f := &file{applier: a, step: step, script: step.script(), name: step.record()}
	f.reached = a.plan.state.progress[f.name]
	f.reached.checksum = f.script.checksum
	if err := f.settle(ctx); err != nil {
		return err
	}
	for f.reached.statements < len(f.script.statements) {
		if err := f.next(ctx); err != nil {
			return err
		}
	}
	return f.end(ctx)
}

// settle decides whether the statement that was begun before a crash was done.
func (f *file) settle(ctx context.Context) error {
	if f.reached.catalog == "" {
		return nil
	}
	now, err := f.catalog(ctx)
	if err != nil {
		return err
	}
	if now != f.reached.catalog {
		f.reached.statements++
	}
	f.reached.catalog = ""
	return nil
}

// next runs one statement that stands for itself, or all up to the next one that does.
func (f *file) next(ctx context.Context) error {
	first := f.reached.statements
	statement := f.script.statements[first]
	switch {
	case marked(statement, MarkNoTransaction):
		return f.alone(ctx, statement)
	case f.commitsByItself(statement):
		return f.definition(ctx, statement)
	}
	last := first + 1
	for last < len(f.script.statements) && !marked(f.script.statements[last], MarkNoTransaction) && !f.commitsByItself(f.script.statements[last]) {
		last++
	}
	return f.transact(ctx, f.step.keysUnchecked(), func(tx engine.Tx, record *record) error {
		if err := f.open(ctx, tx, record); err != nil {
			return err
		}
		if err := f.runStatements(ctx, tx, f.script, f.script.statements[first:last]); err != nil {
			return err
		}
		return f.advance(ctx, tx, record, last)
	})
}

// open raises the guard first, unless the database is being created: then the guard comes with the version.
func (f *file) open(ctx context.Context, tx engine.Tx, record *record) error {
	if !record.exists {
		return nil
	}
	return record.open(ctx, tx)
}

func (f *file) advance(ctx context.Context, tx engine.Tx, record *record, statements int) error {
	reached := progress{checksum: f.script.checksum, statements: statements}
	if err := record.setProgress(ctx, tx, f.name, reached); err != nil {
		return err
	}
	f.reached = reached
	return nil
}

// alone runs a statement that is safe to repeat, and notes it afterwards.
func (f *file) alone(ctx context.Context, statement sqltext.Statement) error {
	if err := f.transact(ctx, false, func(tx engine.Tx, record *record) error { return f.open(ctx, tx, record) }); err != nil {
		return err
	}
	if err := f.session.ExecAlone(ctx, statement.Text); err != nil {
		return f.failed(place(f.script.path, statement.Line), err)
	}
	return f.transact(ctx, false, func(tx engine.Tx, record *record) error {
		return f.advance(ctx, tx, record, f.reached.statements+1)
	})
}

// definition runs a DDL statement that commits by itself.
func (f *file) definition(ctx context.Context, statement sqltext.Statement) error {
	before, err := f.catalog(ctx)
	if err != nil {
		return err
	}
	err = f.transact(ctx, false, func(tx engine.Tx, record *record) error {
		if err := f.open(ctx, tx, record); err != nil {
			return err
		}
		intent := f.reached
		intent.catalog = before
		return record.setProgress(ctx, tx, f.name, intent)
	})
	if err != nil {
		return err
	}
	if _, err := f.session.Exec(ctx, statement.Text); err != nil {
		return f.failed(place(f.script.path, statement.Line), errors.Join(err, f.withdraw(ctx, before)))
	}
	f.reached.statements++
	return nil
}

// withdraw takes back the intent of a statement that the server refused: who corrects the tables by hand changes the
// catalog, and that must not look as if the statement had been done. When the connection is gone, nobody knows whether it
// was, and the intent stays.
func (f *file) withdraw(ctx context.Context, before string) error {
	if now, err := f.catalog(ctx); err != nil || now != before {
		return nil //nolint:nilerr // the error of the statement is the one to tell
	}
	return f.transact(ctx, false, func(tx engine.Tx, record *record) error {
		return f.advance(ctx, tx, record, f.reached.statements)
	})
}

// end records the delta, or that a full schema is complete.
func (f *file) end(ctx context.Context) error {
	return f.transact(ctx, false, func(tx engine.Tx, record *record) error {
		if f.step.delta == nil {
			return f.advance(ctx, tx, record, len(f.script.statements))
		}
		if err := f.open(ctx, tx, record); err != nil {
			return err
		}
		if err := record.applied(ctx, tx, f.step.delta); err != nil {
			return err
		}
		return record.dropProgress(ctx, tx, f.name)
	})
}

// commitsByItself reports whether a statement is DDL on an engine that cannot undo it.
func (f *file) commitsByItself(statement sqltext.Statement) bool {
	if f.session.TransactionalDDL() {
		return false
	}
	words := sqltext.Words(f.plan.Engine, statement.Text, 1)
	return len(words) == 0 || !slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "SET", "DO", "CALL", "("}, words[0])
}

// catalog is a checksum of everything that DDL changes, without the tables that a run of background updates makes and drops:
// one may have been at work between a crash and this run.
func (f *file) catalog(ctx context.Context) (string, error) {
	catalog, err := f.session.Describe(ctx)
	if err != nil {
		return "", fmt.Errorf("read the catalog of %s: %w", f.plan.Database, err)
	}
	catalog.Tables = slices.DeleteFunc(catalog.Tables, func(table engine.Table) bool { return slices.Contains(passingTables(), table.Name) })
	catalog.Objects = slices.DeleteFunc(catalog.Objects, func(object engine.Object) bool { return slices.Contains(passingTables(), object.Table) })
	text, err := json.Marshal(catalog)
	if err != nil {
		return "", fmt.Errorf("read the catalog of %s: %w", f.plan.Database, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
