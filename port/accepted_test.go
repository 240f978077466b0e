package port_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// States near to those that are refused, in which a port works.
func TestPortIsNotRefusedWithoutNeed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		target  func(*testing.T) *dbtest.Database
		arrange func(*testing.T, *scene)
	}{
		"unsafe locale that is allowed": {located("C.UTF-8", "C.UTF-8"), func(_ *testing.T, s *scene) {
			s.options.Target = &postgres.Config{AllowUnsafeLocale: true}
		}},
		"table that only the source has, empty": {nil, func(t *testing.T, s *scene) {
			s.onSource(t, "CREATE TABLE module_data (x)")
		}},
		"names in other letters": {nil, func(t *testing.T, s *scene) {
			s.onSource(t, `ALTER TABLE profiles RENAME TO away`, `ALTER TABLE away RENAME TO "Profiles"`,
				`ALTER TABLE "Profiles" RENAME COLUMN displayname TO away`, `ALTER TABLE "Profiles" RENAME COLUMN away TO "DisplayName"`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, test.target)
			test.arrange(t, s)
			report, err := s.port(t)
			if err != nil || report.Result != port.ResultOK {
				t.Errorf("%v, %+v", err, report)
			}
		})
	}
}

func TestSchemaOtherThanPublic(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(t *testing.T) *dbtest.Database { return dbtest.NewDatabase(t) })
	s.onTarget(t, `CREATE SCHEMA "the homeserver's"`, `ALTER ROLE NAME SET search_path = "the homeserver's"`)
	// A decoy: were it taken for the real one, the port would find it lived in.
	s.asSuperuser(t, "CREATE TABLE public.users (name text)", "INSERT INTO public.users VALUES ('somebody')",
		"GRANT ALL ON public.users TO NAME")
	prepare(t, s.target)
	report, err := s.port(t)
	if err != nil {
		t.Fatal(err)
	}
	if report.Target.Schema != "the homeserver's" {
		t.Errorf("ported into schema %q", report.Target.Schema)
	}
	conn, err := pgx.Connect(t.Context(), s.target.SuperuserDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var ported, decoys int
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM "the homeserver's".users), (SELECT count(*) FROM public.users)`).Scan(&ported, &decoys)
	if err != nil || ported < 10 || decoys != 1 {
		t.Errorf("%d users ported, %d in the other schema, %v", ported, decoys, err)
	}
}

// A source that was never lived in is ported as well.
func TestEmptyHomeserver(t *testing.T) {
	t.Parallel()
	report, err := portInto(t, demoSource(t, demo.Options{}), preparedTarget(t), nil)
	if err != nil || report.Source.Schema != string(homeserver.Ours) {
		t.Errorf("%v, %+v", err, report)
	}
}
