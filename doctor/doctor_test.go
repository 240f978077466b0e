package doctor_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/file"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// side is a healthy database of one engine.
type side struct {
	session engine.Session
	options doctor.Options
}

func sides(t *testing.T) []side {
	t.Helper()
	_, onServer, serverOptions := doctortest.Postgres(t)
	_, inFile, fileOptions := doctortest.SQLite(t)
	return []side{{onServer, serverOptions}, {inFile, fileOptions}}
}

// A database whose record of the schema is not ours was reached: it is that record that is wrong, it is said once, and the other checks
// go on.
func TestARecordOfTheSchemaThatIsNotAsItShouldBe(t *testing.T) {
	t.Parallel()
	for _, side := range sides(t) {
		doctortest.Exec(t, side.session, "ALTER TABLE applied_schema_deltas RENAME COLUMN checksum TO digest")
		report, err := doctor.Check(t.Context(), side.options)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Findings) == 0 || report.Findings[0].ID != doctor.SchemaUnreadable || report.Findings[0].Severity != finding.Error ||
			!strings.Contains(report.Findings[0].What, "checksum") {
			t.Fatalf("%s: %+v", side.session.Engine(), report.Findings)
		}
		for _, other := range report.Findings[1:] {
			if other.Severity != finding.Info {
				t.Errorf("%s: said besides: %+v", side.session.Engine(), other)
			}
		}
		if len(report.Checked) < 10 {
			t.Errorf("%s: the other checks do not go on: %+v", side.session.Engine(), report.Checked)
		}
		doctortest.Exec(t, side.session, "ALTER TABLE applied_schema_deltas RENAME COLUMN digest TO checksum")
		doctortest.MustBeHealthy(t, side.options)
	}
}

// Schema files that were asked for and cannot be read are no fault of the database.
func TestSchemaFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	unreadable := errors.New("no such folder")
	for _, side := range sides(t) {
		side.options.SetOf = func(string, schema.Owner) (*schema.Set, error) { return nil, unreadable }
		report, err := doctor.Check(t.Context(), side.options)
		if !errors.Is(err, unreadable) || len(report.Findings) > 0 {
			t.Errorf("%v, %+v", err, report.Findings)
		}
	}
}

// A session that has a table for itself is waited for in vain, and named.
func TestATableThatIsLocked(t *testing.T) {
	t.Parallel()
	database, _, options := doctortest.Postgres(t)
	holder, other := database.ConnectSuperuser(t), database.ConnectSuperuser(t)
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	found := doctortest.Check(t, options)
	if len(found) != 1 || found[0].ID != doctor.TablesLocked || found[0].Severity != finding.Warning {
		t.Fatalf("%+v", found)
	}
	rows, err := other.Query(t.Context(), found[0].Remedy.Commands[0])
	if err != nil {
		t.Fatal(err)
	}
	var seen []int32
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		pid, _ := values[0].(int32)
		seen = append(seen, pid)
	}
	if rows.Err() != nil || !slices.Equal(seen, []int32{int32(holder.PgConn().PID())}) {
		t.Errorf("%v: %v", rows.Err(), seen)
	}
	if _, err := holder.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	doctortest.MustBeHealthy(t, options)
}

// What cannot be opened, for a reason that nobody explains, is said as it is.
func TestAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	path, _, options := doctortest.SQLite(t)
	options.Databases[0].SQLitePath = path + ".elsewhere"
	if found := doctortest.Check(t, options); len(found) != 1 || found[0].ID != doctor.ConnectionFailed || found[0].Severity != finding.Error {
		t.Errorf("%+v", found)
	}
	options.Databases[0].SQLitePath = path
	doctortest.MustBeHealthy(t, options)
}

// Of a big file the pages are read with --deep only. This one is big by a hole behind its last page.
func TestABigFileIsReadWithDeepOnly(t *testing.T) {
	t.Parallel()
	path, session, options := doctortest.SQLite(t)
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 300<<20); err != nil {
		t.Fatal(err)
	}
	if found := doctortest.Findings(t, options, file.NotRead); len(found) != 1 || found[0].Severity != finding.Info {
		t.Errorf("%+v", found)
	}
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	if found := doctortest.Findings(t, options, file.NotRead); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

// visitor makes a role that may connect and, where that is granted, read the tables, and gives the options of a check by it.
func visitor(t *testing.T, database *dbtest.Database, options doctor.Options, grants ...string) doctor.Options {
	t.Helper()
	superuser := database.ConnectSuperuser(t)
	name := database.Name + "_visitor"
	t.Cleanup(func() { execute(t, database, "DROP OWNED BY "+name, "DROP ROLE "+name) })
	for _, statement := range append([]string{"CREATE ROLE " + name + " LOGIN PASSWORD 'visitor'"}, grants...) {
		if _, err := superuser.Exec(t.Context(), strings.ReplaceAll(statement, "%visitor", name)); err != nil {
			t.Fatal(err)
		}
	}
	args := maps.Clone(database.Config)
	args["user"], args["password"] = name, "visitor"
	config, _, err := postgres.ParseArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	options.Databases = []doctor.Database{{Label: "master", Postgres: config}}
	return options
}

// execute is for what is done when the test's context has ended.
func execute(t *testing.T, database *dbtest.Database, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	connection, err := pgx.Connect(ctx, database.SuperuserDSN)
	if err != nil {
		t.Error(err)
		return
	}
	defer connection.Close(ctx)
	for _, statement := range statements {
		if _, err := connection.Exec(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// Every check works for the owner of the tables and for a role that may only read them, or says which right is missing; for a role that
// may only connect, those that need no table still work.
func TestChecksOfARoleThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		grants []string
		denied []string // what is named as missing
	}{
		"reader": {
			[]string{"GRANT SELECT ON ALL TABLES IN SCHEMA public TO %visitor", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO %visitor"},
			[]string{"the check tables could not be made: permission denied for database"},
		},
		"reader of tables": {
			[]string{"GRANT SELECT ON ALL TABLES IN SCHEMA public TO %visitor"},
			[]string{"the check sequences could not be made: permission denied for sequence"},
		},
		"nobody": {
			nil,
			[]string{"it is not known whose database this is, and of which version: permission denied for table", "the check users could not be made: permission denied for table users"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, _, options := doctortest.Postgres(t)
			options.Deep = true
			if missing := rightsMissing(t, options); len(missing) > 0 {
				t.Errorf("the owner lacks rights: %q", missing)
			}
			missing := rightsMissing(t, visitor(t, database, options, test.grants...))
			for _, want := range test.denied {
				if !slices.ContainsFunc(missing, func(what string) bool { return strings.HasPrefix(what, want) }) {
					t.Errorf("%q is not among %q", want, missing)
				}
			}
		})
	}
}

// rightsMissing are what the findings say of rights; nothing else may be found.
func rightsMissing(t *testing.T, options doctor.Options) (missing []string) {
	t.Helper()
	for _, one := range doctortest.Check(t, options) {
		if one.Severity != finding.Info {
			t.Errorf("%+v", one)
		}
		if one.ID == doctor.RightMissing {
			missing = append(missing, one.What)
		}
	}
	return missing
}
