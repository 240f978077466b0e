package server

import (
	"context"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// constraintsSQL leaves out what is not enforced at all (PostgreSQL 18), which nothing can validate.
const constraintsSQL = `SELECT n.nspname, t.relname, o.conname, pg_get_constraintdef(o.oid)
FROM pg_constraint AS o JOIN pg_class AS t ON t.oid = o.conrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE NOT o.convalidated AND coalesce(to_jsonb(o)->>'conenforced', 'true') = 'true' AND ` + ownSchemas + ` ORDER BY 1, 2, 3`

func checkConstraints(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: ConstraintNotValid, Severity: finding.Info, What: "a constraint is NOT VALID: rows that were there before it was made have never been checked",
		Meaning: "new rows are checked; old ones may break it. The homeserver's own schema makes some so, and validates others in a background update",
		Remedy: finding.Remedy{Text: "nothing is needed; who wants to know has the server check all rows, beside a running homeserver: " +
			"it fails if one breaks the constraint, and changes nothing then"},
	}
	err := engine.Each(ctx, subject.Session, constraintsSQL, nil, func(scan func(...any) error) error {
		var schema, table, name, definition string
		err := scan(&schema, &table, &name, &definition)
		result.Evidence = append(result.Evidence, short(schema, table)+"."+name+": "+definition)
		result.Remedy.Commands = append(result.Remedy.Commands,
			"ALTER TABLE "+qualified(schema, table)+" VALIDATE CONSTRAINT "+postgres.QuoteIdentifier(name)+";")
		return err
	})
	return withEvidence(result), err
}
