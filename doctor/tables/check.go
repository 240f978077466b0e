package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// checkTables says nothing where the versions differ: checkVersion does.
func checkTables(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	state, current, err := inspect(ctx, subject)
	if err != nil || !current {
		return nil, err
	}
	actual, err := describe(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	if subject.Engine == engine.Postgres && !subject.Deep {
		return byName(ctx, subject, state, actual)
	}
	wanted, err := expect(ctx, subject, subject.Engine, state.Updates)
	if err == nil {
		return findings(compare(wanted, actual), true), nil
	}
	found, other := byName(ctx, subject, state, actual)
	if refused, is := errors.AsType[*pgconn.PgError](err); ctx.Err() != nil || is && refused.Code == insufficientPrivilege {
		return found, errors.Join(err, other) // the role may not make a schema: which right it lacks is told
	}
	return append(found, notCompared(err)), other
}

// insufficientPrivilege is PostgreSQL's code for a right that the role lacks.
const insufficientPrivilege = "42501"

// byName needs nothing of the server but its catalog.
func byName(ctx context.Context, subject *finding.Subject, state *schema.State, actual *shape) ([]finding.Finding, error) {
	if !slices.Contains(subject.Set.Engines(), engine.SQLite) {
		return []finding.Finding{notCompared(fmt.Errorf("the schema set %s has no files for SQLite; give --deep", subject.Set.Name()))}, nil
	}
	wanted, err := expect(ctx, subject, engine.SQLite, state.Updates)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return []finding.Finding{notCompared(err)}, nil // it is about the files
	}
	differences, err := compareByName(ctx, wanted, subject.Session, actual)
	found := findings(differences, false)
	if len(wanted.only) > 0 {
		found = append(found, notCompared(fmt.Errorf("background updates are pending that may build indexes on PostgreSQL alone (%s), so indexes are not compared without --deep", engine.List(wanted.only))))
	}
	return found, err
}

func notCompared(err error) finding.Finding {
	return finding.Finding{
		ID: NotCompared, Severity: finding.Info, What: "the tables could not be compared with all that the schema says: " + err.Error(),
		Meaning: "what is missing or different in them is not noticed", Remedy: finding.Remedy{Text: "if the message names a cause, correct it, and check again"},
	}
}

// findings puts what is of one kind and equally bad together. With exact, the statements are those of the schema.
func findings(differences []difference, exact bool) []finding.Finding {
	var found []finding.Finding
	for _, one := range differences {
		at := slices.IndexFunc(found, func(f finding.Finding) bool { return f.ID == one.id && f.Severity == one.severity })
		if at < 0 {
			at = len(found)
			found = append(found, begin(one, exact))
		}
		found[at].Evidence = append(found[at].Evidence, one.evidence)
		found[at].Remedy.Commands = append(found[at].Remedy.Commands, one.commands...)
	}
	for i := range found {
		found[i].What = fmt.Sprintf(found[i].What, len(found[i].Evidence))
	}
	return found
}

func begin(one difference, exact bool) finding.Finding {
	said := vocabulary()[one.id]
	result := finding.Finding{ID: one.id, Severity: one.severity, What: said.what, Meaning: said.meaning, Remedy: finding.Remedy{Text: said.todo}}
	switch {
	case isIndexFinding(one.id):
		result.Remedy.Fix = FixID
	case !exact:
		result.Remedy.Text += "; check --deep compares all of it, and gives the statements"
	}
	return result
}

func isIndexFinding(id string) bool { return id == IndexMissing || id == UniqueMissing }

type words struct{ what, meaning, todo string }

// vocabulary says what each finding is; "what" takes how many there are.
func vocabulary() map[string]words {
	const restore = "find out why, since a homeserver drops nothing of its schema; with the homeserver stopped, run the statements, or restore a backup if rows were lost with it"
	return map[string]words{
		TableMissing:      {"%d tables of the schema are missing", "the homeserver fails wherever it uses them", restore},
		ColumnMissing:     {"%d columns of the schema are missing", "the homeserver fails wherever it uses them", restore},
		UniqueMissing:     {"%d unique keys of the schema are missing", "the homeserver cannot write the tables (ON CONFLICT needs the key), or writes rows twice", "remove rows that are there twice, and build them"},
		IndexMissing:      {"%d indexes of the schema are missing", "queries read whole tables instead, and take longer with every row", "build them; the homeserver can go on meanwhile, but with SQLite"},
		ForeignKeyMissing: {"%d foreign keys of the schema are missing", "rows may point to nothing, and are not deleted with what they belong to", "run the statements; rows that break the key have to go first"},
		CheckMissing:      {"%d checks of the schema are missing", "rows may hold what the homeserver does not expect", "run the statements; rows that break the check have to be corrected first"},
		TriggerMissing:    {"%d triggers of the schema are missing", "rows may be written that do not belong together", restore},
		FunctionMissing:   {"%d functions of the schema are missing", "the triggers that call them cannot work", restore},
		ViewMissing:       {"%d views of the schema are missing", "the homeserver fails wherever it uses them", restore},
		ColumnDifferent:   {"%d columns are not as the schema says", "the homeserver may fail to write them, or read what it does not expect", "find out who has changed them; make them as the schema says, with the homeserver stopped"},
		ObjectDifferent:   {"%d objects have a name of the schema, and are something else", "the homeserver takes them for what they are not: queries are slow or fail, rows are not kept apart", "run the statements with the homeserver stopped"},
		TableUnlogged:     {"%d tables are unlogged", "all their rows are gone after a crash of the server, and a standby does not have them", "run the statements; each rewrites its table and locks it meanwhile"},
		ForeignObjects:    {"%d objects are not of the schema", "modules, operators and older releases make tables and indexes of their own; each index costs time at every write", "nothing, if you know whose they are"},
	}
}
