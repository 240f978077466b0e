package schema_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// refused prepares and expects the refusal, with words that say what to do, and nothing changed.
func refused[E error](t *testing.T, place address, set *schema.Set, options schema.Options, words ...string) E {
	t.Helper()
	before := dump(t, place)
	_, err := tryPrepare(t, place, set, options)
	refusal, isRefusal := errors.AsType[E](err)
	if !isRefusal {
		t.Fatalf("the error is %v", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the message lacks %q: %v", word, err)
		}
	}
	if diff := cmp.Diff(before, dump(t, place)); diff != "" {
		t.Error("something was changed:", diff)
	}
	return refusal
}

func TestGuardRefusesCodeThatIsTooOld(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, 5) // compat version 4
		old := newSet(t, library(3))
		refusal := refused[*schema.TooNewError](t, place, old, schema.Options{}, "newer release", "backup", "schema version 4 and later")
		if refusal.CodeVersion != 3 || refusal.CompatVersion != 4 || refusal.Version != 5 {
			t.Errorf("%+v", refusal)
		}
	})
}

func TestGuardOfAnUnfinishedPort(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, 2)
		execute(t, place, "UPDATE schema_compat_version SET compat_version = 2147483647")
		refused[*schema.TooNewError](t, place, newSet(t, library(latest)), schema.Options{}, "not complete", "running it again")
	})
}

func TestRollingBackOneReleaseAndForwardAgain(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, 1)
		for version := 2; version <= latest; version++ {
			prepare(t, place, version)
			before := dump(t, place)
			if result := prepare(t, place, version-1); result.Changed {
				t.Errorf("release %d changed the database of release %d", version-1, version)
			}
			if result := prepare(t, place, version); result.Changed {
				t.Errorf("release %d changed something after the rollback", version)
			}
			if diff := cmp.Diff(before, dump(t, place)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestCompatVersionIsRaisedAloneAndNeverLowered(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, 3) // compat version 2
		compat := func(version int) func(*schema.Definition) {
			return func(definition *schema.Definition) { definition.CompatVersion = version }
		}
		refused[*schema.BehindError](t, place, newSet(t, library(3, compat(3))), schema.Options{NoUpgrade: true}, "compat version 3")
		if result := prepare(t, place, 3, compat(3)); !result.Changed || *state(t, place).CompatVersion != 3 {
			t.Errorf("the compat version was not raised: %+v", result.Plan)
		}
		if result := prepare(t, place, 3, compat(2)); result.Changed || *state(t, place).CompatVersion != 3 {
			t.Errorf("the compat version was lowered: %+v", result.Plan)
		}
	})
}

func TestCompatVersionIsRaisedWithTheFirstStep(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, 3)
		definition := library(5, func(definition *schema.Definition) {
			definition.Files.(fstest.MapFS)["main/delta/5/00broken.sql"] = &fstest.MapFile{Data: []byte("\n\nUPDATE no_such_table SET a = 1;")}
		})
		_, err := tryPrepare(t, place, newSet(t, definition), schema.Options{})
		failed, isStep := errors.AsType[*schema.StepError](err)
		if !isStep || failed.Place != "main/delta/5/00broken.sql:3" || failed.Applied != 2 {
			t.Fatalf("the error is %v", err)
		}
		after := state(t, place)
		if after.Version != 4 || *after.CompatVersion != 4 {
			t.Errorf("version %d, compat version %d", after.Version, *after.CompatVersion)
		}
		prepare(t, place, 5)
	})
}

func TestWorkersRefuseAndListWhatIsMissing(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		worker := schema.Options{NoUpgrade: true}
		set := newSet(t, library(5))
		refused[*schema.BehindError](t, place, set, worker, "is empty", "main process")
		prepare(t, place, 3)
		refusal := refused[*schema.BehindError](t, place, set, worker, "4/01settings_note.sql", "4/02owner.go", "version 3", "needs 5", "synapse upgrade")
		if len(refusal.Plan.Steps) != 3 {
			t.Errorf("%d steps are missing", len(refusal.Plan.Steps))
		}
		prepare(t, place, 5)
		if _, err := tryPrepare(t, place, set, worker); err != nil {
			t.Error(err)
		}
	})
}

func TestDatabasesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		other := newSet(t, library(latest, func(definition *schema.Definition) { definition.Name = "archive" }))
		prepare(t, place, latest)
		refused[*schema.OwnerError](t, place, other, schema.Options{}, `"library"`, "give another database")

		foreign := newAddress(t, place.Engine)
		execute(t, foreign, "CREATE TABLE somebody_else (a INTEGER)")
		refused[*schema.OwnerError](t, foreign, other, schema.Options{}, "somebody_else", "empty database")

		upstreams := newAddress(t, place.Engine)
		execute(t, upstreams, "CREATE TABLE schema_version (version INTEGER, upgraded BOOLEAN)")
		execute(t, upstreams, "INSERT INTO schema_version (version, upgraded) VALUES (94, ?)", true)
		refused[*schema.OwnerError](t, upstreams, other, schema.Options{}, "Python homeserver")
	})
}

func TestLogicalDatabasesStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		set := newSet(t, library(latest))
		if _, err := tryPrepare(t, place, set, schema.Options{Databases: []string{"state"}}); err != nil {
			t.Fatal(err)
		}
		if described := catalog(t, place); described.Table("shelves") == nil || described.Table("settings") == nil || described.Table("books") != nil {
			t.Error("a database of state holds other tables than those of state and common")
		}
		refused[*schema.LogicalError](t, place, set, schema.Options{Databases: []string{"main", "state"}}, "main", "data_stores")
		refused[*schema.LogicalError](t, place, set, schema.Options{Databases: []string{"attic"}}, "attic")
		none := newAddress(t, place.Engine)
		if _, err := tryPrepare(t, none, set, schema.Options{Databases: []string{}}); err != nil {
			t.Fatal(err)
		}
		if described := catalog(t, none); described.Table("settings") == nil || described.Table("shelves") != nil {
			t.Error("a database of common holds other tables")
		}
	})
}

func TestOtherSessionsAreNotUpgradedUnderneath(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, 3)
		leave := visitor(t, place)
		set := newSet(t, library(4))
		refused[*schema.SessionsError](t, place, set, schema.Options{}, "in use", "stop the server", "--sessions-known")
		if _, err := tryPrepare(t, place, set, schema.Options{SessionsKnown: true}); err != nil {
			t.Error(err)
		}
		if result, err := tryPrepare(t, place, set, schema.Options{}); err != nil || result.Changed {
			t.Errorf("with nothing to do, sessions matter: %v", err)
		}
		leave()
		prepare(t, place, 5)
	})
}

func TestDatabaseIsCheckedByTheSet(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		wrong := errors.New("this is the library of another town")
		definition := library(4, func(definition *schema.Definition) {
			definition.CheckDatabase = func(_ context.Context, _ engine.Querier, logical []string, config any) error {
				if len(logical) != 2 || config != "configured" {
					t.Errorf("the check got %v and %v", logical, config)
				}
				return wrong
			}
		})
		prepare(t, place, 3)
		before := dump(t, place)
		if _, err := tryPrepare(t, place, newSet(t, definition), schema.Options{Config: "configured"}); !errors.Is(err, wrong) {
			t.Errorf("the error is %v", err)
		}
		if diff := cmp.Diff(before, dump(t, place)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEngineWithoutFiles(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.Postgres)
	set := newSet(t, library(latest, func(definition *schema.Definition) {
		definition.Engines = []engine.Kind{engine.SQLite}
		definition.Files = only(definition.Files, "sqlite")
	}))
	refused[*schema.EngineError](t, place, set, schema.Options{}, "no files for postgres", "use a database of sqlite")
}

func TestServerIsCheckedByTheSet(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		wrong := errors.New("this server is too old")
		definition := library(4, func(definition *schema.Definition) {
			definition.CheckServer = func(context.Context, engine.Querier, any) error { return wrong }
		})
		if _, err := tryPrepare(t, place, newSet(t, definition), schema.Options{}); !errors.Is(err, wrong) {
			t.Errorf("the error is %v", err)
		}
		if tables := catalog(t, place).Tables; len(tables) > 0 {
			t.Errorf("there are %d tables", len(tables))
		}
	})
}

// straddling sees the logical databases as they were before a creation that has ended when the rest was looked at.
type straddling struct {
	engine.Session

	looks int // that see them so
}

func (s *straddling) Query(ctx context.Context, query string, values ...any) (*sql.Rows, error) {
	if strings.Contains(query, "FROM schema_databases") && s.looks > 0 {
		s.looks--
		query = strings.Replace(query, "FROM schema_databases", "FROM schema_databases WHERE 1 = 0", 1)
	}
	return s.Session.Query(ctx, query, values...)
}

func TestRefusalCountsWhenTheDatabaseSaysTheSameTwice(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		prepare(t, place, latest)
		set := newSet(t, library(latest))
		session, err := place.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		if plan, err := schema.MakePlan(t.Context(), &straddling{session, 1}, set, schema.Options{}); err != nil || !plan.Nothing() {
			t.Errorf("looked at during a creation: %+v, %v", plan, err)
		}
		_, err = schema.MakePlan(t.Context(), &straddling{session, 2}, set, schema.Options{})
		if _, isLogical := errors.AsType[*schema.LogicalError](err); !isLogical {
			t.Errorf("created for no logical database: %v", err)
		}
	})
}
