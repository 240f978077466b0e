package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

const decorated = `
CREATE SCHEMA "Odd one";
CREATE TABLE "Odd one".parent (id bigint PRIMARY KEY, "Mixed Case" varchar(20) NOT NULL, short char(1));
CREATE UNLOGGED TABLE "Odd one".child (
    number bigint GENERATED ALWAYS AS IDENTITY,
    parent_id bigint CONSTRAINT belongs REFERENCES "Odd one".parent DEFERRABLE INITIALLY DEFERRED,
    checked text,
    ranged integer CHECK (ranged > 0),
    twice bigint GENERATED ALWAYS AS (parent_id * 2) STORED,
    stamp bigint DEFAULT 5
);
ALTER TABLE "Odd one".child ADD CONSTRAINT loose FOREIGN KEY (number) REFERENCES "Odd one".parent NOT VALID;
ALTER TABLE "Odd one".child ADD CONSTRAINT present CHECK (checked IS NOT NULL) NOT VALID;
CREATE UNIQUE INDEX partial_key ON "Odd one".child (parent_id, ranged) INCLUDE (stamp) WHERE checked IS NOT NULL;
CREATE INDEX expression ON "Odd one".child (lower(checked));
COMMENT ON INDEX "Odd one".partial_key IS 'why';
CREATE FUNCTION "Odd one".nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER quiet BEFORE INSERT ON "Odd one".child FOR EACH ROW EXECUTE FUNCTION "Odd one".nothing();
ALTER TABLE "Odd one".child DISABLE TRIGGER quiet;
CREATE SEQUENCE "Odd one".plain START 7;
SELECT nextval('"Odd one".plain');
CREATE TABLE public.elsewhere (id bigint);`

func load(t *testing.T) *catalog.Schema {
	t.Helper()
	conn := dbtest.NewDatabase(t).Connect(t)
	if _, err := conn.Exec(t.Context(), decorated); err != nil {
		t.Fatal(err)
	}
	schema, err := catalog.Load(t.Context(), conn, "Odd one")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestLoadTellsEveryObjectOfTheSchema(t *testing.T) {
	t.Parallel()
	schema := load(t)
	if len(schema.Tables) != 2 || schema.Table("elsewhere") != nil {
		t.Fatalf("tables of other schemas are there, or some are missing: %v", schema.Tables)
	}
	child := schema.Table("child")
	if !child.Unlogged || !child.Owned || schema.Table("parent").Unlogged {
		t.Errorf("child is unlogged and ours: %+v", child)
	}
	want := []*catalog.Column{
		{Name: "number", Number: 1, Type: "int8", TypeLabel: "bigint", NotNull: true, Identity: true},
		{Name: "parent_id", Number: 2, Type: "int8", TypeLabel: "bigint"},
		{Name: "checked", Number: 3, Type: "text", TypeLabel: "text", NotNull: true},
		{Name: "ranged", Number: 4, Type: "int4", TypeLabel: "integer"},
		{Name: "twice", Number: 5, Type: "int8", TypeLabel: "bigint", Generated: true, Default: true},
		{Name: "stamp", Number: 6, Type: "int8", TypeLabel: "bigint", Default: true},
	}
	if diff := cmp.Diff(want, child.Columns); diff != "" {
		t.Error(diff)
	}
	if column := schema.Table("parent").Column("Mixed Case"); column.Type != "varchar" || column.Length != 20 {
		t.Errorf("varchar(20): %+v", column)
	}
	if column := schema.Table("parent").Column("short"); column.Type != "bpchar" || column.Length != 1 {
		t.Errorf("char(1): %+v", column)
	}
	if len(child.Triggers) != 1 || child.Triggers[0].Name != "quiet" || child.Triggers[0].Enabled != "D" {
		t.Errorf("triggers: %+v", child.Triggers)
	}
}

func TestLoadTellsIndexesAndKeys(t *testing.T) {
	t.Parallel()
	schema := load(t)
	ignored := cmpopts.IgnoreFields(catalog.Index{}, "Definition")
	want := []*catalog.Index{
		{Name: "expression", Method: "btree", Valid: true, Plain: true},
		{Name: "partial_key", Method: "btree", Columns: []string{"parent_id", "ranged"}, Predicate: "(checked IS NOT NULL)",
			Unique: true, Valid: true, Plain: true, Comment: "why"},
	}
	if diff := cmp.Diff(want, schema.Table("child").Indexes, ignored); diff != "" {
		t.Error(diff)
	}
	primary := schema.Table("parent").Indexes[0]
	if primary.Constraint == nil || !primary.Constraint.Primary || primary.Constraint.Name != "parent_pkey" {
		t.Errorf("primary key: %+v", primary)
	}
	keys := map[string]bool{}
	for _, key := range schema.ForeignKeys {
		keys[key.Name] = key.Validated
		if key.Table != "child" || key.Parent != "parent" || !cmp.Equal(key.ParentKey, []string{"id"}) {
			t.Errorf("foreign key: %+v", key)
		}
	}
	if diff := cmp.Diff(map[string]bool{"belongs": true, "loose": false}, keys); diff != "" {
		t.Error(diff)
	}
}

func TestLoadTellsSequences(t *testing.T) {
	t.Parallel()
	schema := load(t)
	if plain := schema.Sequence("plain"); plain.Next() != 8 || plain.Table != "" {
		t.Errorf("a sequence that was used: %+v", plain)
	}
	if identity := schema.Sequence("child_number_seq"); identity.Next() != 1 || identity.Table != "child" || identity.Column != "number" {
		t.Errorf("the sequence of an identity column: %+v", identity)
	}
}
