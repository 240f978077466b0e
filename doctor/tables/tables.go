package tables

import (
	"github.com/synapsedb/synapse/doctor/finding"
)

// The findings about the version.
const (
	SchemaUnknown    = "schema_unknown"
	SchemaEmpty      = "schema_empty"
	SchemaForeign    = "schema_foreign"
	SchemaUnfinished = "schema_unfinished"
	SchemaTooNew     = "schema_too_new"
	SchemaRefused    = "schema_refused"
	SchemaBehind     = "schema_behind"
	SchemaAhead      = "schema_ahead"
	DeltasMissing    = "deltas_missing"
	DeltasChanged    = "deltas_changed"
	DeltasUnknown    = "deltas_unknown"
)

// The findings about tables.
const (
	TableMissing      = "table_missing"
	ColumnMissing     = "column_missing"
	UniqueMissing     = "unique_missing"
	IndexMissing      = "index_missing"
	ForeignKeyMissing = "foreign_key_missing"
	CheckMissing      = "check_missing"
	TriggerMissing    = "trigger_missing"
	FunctionMissing   = "function_missing"
	ViewMissing       = "view_missing"
	ColumnDifferent   = "column_different"
	ObjectDifferent   = "object_different"
	TableUnlogged     = "table_unlogged"
	ForeignObjects    = "foreign_objects"
	NotCompared       = "tables_not_compared"
)

// FixID is that of the fix.
const FixID = "missing_indexes"

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{
		{Name: "schema", Reads: "the catalog, and the rows about the schema's version and the deltas that were applied", Run: checkVersion},
		{Name: "tables", Reads: "the catalog; with --deep on PostgreSQL, the schema's tables are made in a transaction that is rolled back, to compare all of it", Run: checkTables},
	}
}

// Fixes are what this package can mend.
func Fixes() []finding.Fix {
	return []finding.Fix{{ID: FixID, Plan: plan, Apply: apply}}
}
