package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/server"
	"github.com/synapsedb/synapse/engine"
)

// A unique index meets duplicates: it stays invalid, also after the fix was tried, and is built when they are gone.
func TestInvalidIndexesAreRebuilt(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session, `CREATE TABLE junk (id BIGINT, text TEXT)`, `INSERT INTO junk VALUES (1, 'a'), (2, 'b'), (1, 'c')`)
	owner := database.Connect(t)
	if _, err := owner.Exec(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY "Junk" ON junk (id)`); err == nil {
		t.Fatal("the index was built")
	}
	if err := errors.Join(owner.Close(t.Context()), session.Close()); err != nil {
		t.Fatal(err)
	}
	found := doctortest.MustFind(t, options, server.IndexInvalid, finding.Warning, "Junk on junk: CREATE UNIQUE INDEX")
	if diff := cmp.Diff([]string{`REINDEX INDEX CONCURRENTLY "public"."Junk";`}, found.Remedy.Commands); diff != "" || found.Remedy.Fix != server.FixInvalidIndexes {
		t.Error(diff, found.Remedy.Fix)
	}
	err := doctor.ApplyFix(t.Context(), options, server.FixInvalidIndexes, false)
	refused, isRefused := errors.AsType[*engine.Error](err)
	if !isRefused || !strings.Contains(refused.Hint, "rows of junk break the unique key") {
		t.Fatal(err)
	}
	if found := doctortest.MustFind(t, options, server.IndexInvalid, finding.Warning, "Junk on junk"); len(found.Evidence) != 1 {
		t.Errorf("the rebuild has left something: %v", found.Evidence)
	}
	again := database.Connect(t)
	execute(t, again, `DELETE FROM junk WHERE text = 'c'`)
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := doctor.ApplyFix(t.Context(), options, server.FixInvalidIndexes, false); err != nil {
		t.Fatal(err)
	}
	doctortest.MustNotFind(t, options, server.IndexInvalid)
}

// What REINDEX CONCURRENTLY has left is dropped; an index that only bears such a name is rebuilt.
func TestLeftoversOfRebuildsAreDropped(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session,
		`CREATE TABLE junk (id BIGINT PRIMARY KEY)`, `CREATE INDEX junk_pkey_ccnew ON junk (id)`, `CREATE INDEX junk_pkey_ccold1 ON junk (id)`,
		`CREATE INDEX own_ccnew ON junk ((id + 1))`)
	superuser := database.ConnectSuperuser(t)
	execute(t, superuser, `UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%\_cc%'`)
	if err := errors.Join(superuser.Close(t.Context()), session.Close()); err != nil {
		t.Fatal(err)
	}
	plans, err := doctor.PlanFix(t.Context(), options, server.FixInvalidIndexes)
	if err != nil {
		t.Fatal(err)
	}
	want := []doctor.FixPlan{{Database: "master", ID: server.FixInvalidIndexes, Statements: []string{
		`DROP INDEX CONCURRENTLY "public"."junk_pkey_ccnew";`, `DROP INDEX CONCURRENTLY "public"."junk_pkey_ccold1";`,
		`REINDEX INDEX CONCURRENTLY "public"."own_ccnew";`,
	}}}
	if diff := cmp.Diff(want, plans); diff != "" {
		t.Fatal(diff)
	}
	doctortest.MustFind(t, options, server.IndexInvalid, finding.Warning, "junk_pkey_ccnew on junk, left by REINDEX CONCURRENTLY")
	if err := doctor.ApplyFix(t.Context(), options, server.FixInvalidIndexes, false); err != nil {
		t.Fatal(err)
	}
	doctortest.MustNotFind(t, options, server.IndexInvalid)
}

// An index that is being built is invalid, too, and nothing is wrong with it.
func TestIndexesThatAreBeingBuiltAreLeft(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session, `CREATE TABLE junk (id BIGINT)`)
	holder, builder, watcher := database.Connect(t), database.Connect(t), database.Connect(t)
	execute(t, holder, `BEGIN`, `INSERT INTO junk VALUES (1)`)
	built := make(chan error, 1)
	go func() {
		_, err := builder.Exec(context.WithoutCancel(t.Context()), `CREATE INDEX CONCURRENTLY junk_id ON junk (id)`)
		built <- err
	}()
	until(t, watcher, `SELECT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass('junk_id'))`)
	doctortest.MustNotFind(t, options, server.IndexInvalid)
	execute(t, holder, `COMMIT`)
	if err := <-built; err != nil {
		t.Fatal(err)
	}
}
