package upstream

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// fileOf is one line of the record that the fixture has to leave.
type fileOf struct {
	database string
	file     string
	only     engine.Kind
}

// fixtureFiles is written from upstream's rules, not from what this code does: by version, then by file name in the order
// of its characters' codes, whatever the logical database; nothing for the other engine, for what Python leaves behind and
// for other names; nothing for versions that the full schema covers.
var fixtureFiles = []fileOf{
	{"main", "73/01event_log.sql", ""},
	{"common", "73/02settings.sql", ""},
	{"main", "73/03one_engine.sql.sqlite", engine.SQLite},
	{"main", "73/03other_engine.sql.postgres", engine.Postgres},
	{"main", "73/05both.sql", ""},
	{"main", "73/05both.sql.postgres", engine.Postgres},
	{"main", "73/10_update_sqlite_fts4_tokenizer.py", ""},
	{"main", "73/10login_tokens.sql", ""},
	{"main", "74/03_orderings.sql.postgres", engine.Postgres},
	{"main", "74/03_orderings.sql.sqlite", engine.SQLite},
	{"main", "74/04-dash.sql", ""},
	{"main", "74/0400digits.sql", ""},
	{"main", "74/04A_upper.sql", ""},
	{"main", "74/04_membership_tables_event_stream_ordering_triggers.py", ""},
	{"main", "74/04a_lower.sql", ""},
	{"main", "74/90COMMENTS.sql.postgres", engine.Postgres},
	{"main", "76/01_add_profiles_full_user_id_column.sql", ""},
	{"main", "76/02_add_user_filters_full_user_id_column.sql", ""},
	{"main", "77/01_add_profiles_not_valid_check.sql.postgres", engine.Postgres},
	{"main", "77/02_add_user_filters_not_valid_check.sql.postgres", engine.Postgres},
	{"main", "78/01_validate_and_update_profiles.py", ""},
	{"main", "78/02_validate_and_update_user_filters.py", ""},
	{"main", "78/03_remove_unused_indexes_user_filters.py", ""},
	{"main", "78/03event_extremities_constraints.py", ""},
	{"main", "78/04_add_full_user_id_index_user_filters.py", ""},
	{"main", "79/03_locks.sql.postgres", engine.Postgres},
	{"main", "79/03_locks.sql.sqlite", engine.SQLite},
	{"main", "79/04_mitigate_stream_ordering_update_race.py", ""},
	{"main", "80/01_first.sql", ""},
	{"main", "80/02_second.sql", ""},
	{"main", "80/03_third.sql.postgres", engine.Postgres},
	{"main", "80/03_third.sql.sqlite", engine.SQLite},
	{"main", "84/01_compatible.sql", ""},
	{"main", "87/02_numbered.sql", ""},
	{"main", "88/01_texts.sql", ""},
	{"state", "89/00_first.sql", ""},
	{"common", "89/01_alpha.sql", ""},
	{"main", "89/01_main.sql", ""},
	{"state", "89/01_state.sql", ""},
	{"main", "89/02_last.sql", ""},
	{"state", "90/02_state_only.sql", ""},
	{"main", "93/01_delayed_events.sql", ""},
	{"main", "93/04_make_delayed_event_content_text.py", ""},
	{"main", "94/01_redactions.sql", ""},
	{"common", "94/02_settings.sql", ""},
	{"main", "94/03_sequence.sql.postgres", engine.Postgres},
}

// files are those lines that concern an engine and what a physical database holds, from a version on.
func files(kind engine.Kind, from int, logical ...string) (record, steps []string) {
	record, steps = []string{}, []string{}
	for _, line := range fixtureFiles {
		version, _ := strconv.Atoi(path.Dir(line.file))
		if version < from || line.only != "" && line.only != kind || line.database != schema.Common && !slices.Contains(logical, line.database) {
			continue
		}
		record = append(record, path.Dir(line.file)+"|"+line.file)
		if !strings.HasSuffix(line.file, ".py") {
			steps = append(steps, line.database+" "+line.file)
		}
	}
	return record, steps
}

const stepsQuery = "SELECT step FROM step_log ORDER BY number"

func TestCreation(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		set, err := Open("testdata/schema")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schema.Prepare(t.Context(), on, set, schema.Options{}); err != nil {
			t.Fatal(err)
		}
		on.expectVersion(94, true, 84)
		record, steps := files(on.Engine(), 73, "main", "state")
		if diff := cmp.Diff(record, on.applied()); diff != "" {
			t.Error(diff)
		}
		on.expect(stepsQuery, append([]string{"common 72", "main 72", "state 72"}, steps...)...)
		on.expect("SELECT name FROM settings", "of 84", "a;b -- c /* d")
		on.expect("SELECT position, holder FROM connections ORDER BY position", "1|one", "2|two")
		on.expectUpdatesOfNew()
		if on.object("schema_set") != nil || on.column("profiles", "full_user_id").NotNull {
			t.Error("not as upstream's new databases are")
		}
		again, err := schema.Prepare(t.Context(), on, set, example())
		if err != nil || again.Changed {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// expectUpdatesOfNew: a new database has no events.
func (s *scene) expectUpdatesOfNew() {
	s.t.Helper()
	want := []string{"redactions_recheck|{}|NULL|9402"}
	if s.Engine() == engine.Postgres {
		want = append([]string{"event_forward_extremities_event_id_foreign_key_constraint_update|{}|NULL|7803"}, want...)
	}
	s.expect("SELECT update_name, progress_json, depends_on, ordering FROM background_updates ORDER BY ordering", want...)
}

func TestPhysicalDatabasesHoldTheirLogicalOnes(t *testing.T) {
	t.Parallel()
	for _, held := range []string{"main", "state"} {
		t.Run(held, func(t *testing.T) {
			t.Parallel()
			onBothEngines(t, func(t *testing.T, on *scene) {
				options := example()
				options.Databases = []string{held}
				on.mustPrepare(release(90, 84), options)
				on.mustPrepare(release(94, 84), options)
				record, steps := files(on.Engine(), 73, held)
				if diff := cmp.Diff(record, on.applied()); diff != "" {
					t.Error(diff)
				}
				on.expect(stepsQuery, append([]string{"common 72", held + " 72"}, steps...)...)
				on.expectVersion(94, true, 84)
			})
		})
	}
}

func TestUpgradeFromTheFullSchema(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(72, 68), example())
		on.expectVersion(72, false, 68)
		if applied := on.applied(); len(applied) > 0 {
			t.Errorf("what the full schema covers was recorded: %q", applied)
		}
		on.mustPrepare(release(94, 84), example())
		on.expectVersion(94, true, 84)
		record, _ := files(on.Engine(), 73, "main", "state")
		if diff := cmp.Diff(record, on.applied()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpgradeFromWhereUpstreamStopped(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(80, 78), example())
		before, _ := files(on.Engine(), 73, "main", "state")
		before = before[:len(on.applied())]
		if diff := cmp.Diff(before, on.applied()); diff != "" {
			t.Fatal(diff)
		}
		// The server began with version 80 and was killed after its first file.
		on.mustExecute("DELETE FROM applied_schema_deltas WHERE file > '80/01_first.sql'", "DELETE FROM step_log")
		on.mustPrepare(release(94, 84), example())
		_, steps := files(on.Engine(), 80, "main", "state")
		on.expect(stepsQuery, steps[1:]...)
		record, _ := files(on.Engine(), 73, "main", "state")
		if diff := cmp.Diff(record, on.applied()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpgradeFromALaterFullSchema(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(73, 70), example())
		// As if the full schema had been one of version 73.
		on.mustExecute("UPDATE schema_version SET upgraded = FALSE", "DELETE FROM applied_schema_deltas", "DELETE FROM step_log")
		on.mustPrepare(with(release(94, 84), map[string]string{"main/delta/73/99late.sql": "NOT RUN;"}), example())
		record, steps := files(on.Engine(), 74, "main", "state")
		on.expect(stepsQuery, steps...)
		if diff := cmp.Diff(record, on.applied()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLateFiles(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(80, 78), example())
		late := with(release(80, 78), map[string]string{"main/delta/79/99late.sql": "NOT RUN;"})
		if result := on.mustPrepare(late, example()); result.Changed {
			t.Errorf("a file of an older version was noticed: %+v", result.Plan.Steps)
		}
		late = with(late, map[string]string{
			"state/delta/80/00late.sql": "INSERT INTO step_log (step) VALUES ('late');",
			"main/delta/80/00late.txt":  "NOT RUN;",
		})
		on.mustExecute("DELETE FROM step_log")
		on.mustPrepare(late, example())
		on.expect(stepsQuery, "late")
		on.expectVersion(80, true, 78)
		on.expect("SELECT file FROM applied_schema_deltas WHERE file LIKE '%late%'", "80/00late.sql")
	})
}

func TestRollbackAndForwardAgain(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(90, 80), example())
		on.mustPrepare(release(94, 84), example())
		before := on.everything()
		for _, version := range []int{90, 94, 84, 94} {
			for _, options := range []schema.Options{example(), worker()} {
				result := on.mustPrepare(release(version, version-10), options)
				if result.Changed || on.everything() != before {
					t.Errorf("code of version %d changed something", version)
				}
			}
		}
		on.mustPrepare(with(release(95, 84), map[string]string{"main/delta/95/01new.sql": "CREATE TABLE newer (id BIGINT);"}), example())
		on.expectVersion(95, true, 84)
	})
}

func TestSkippedFilesAreTold(t *testing.T) {
	t.Parallel()
	want := []string{
		"main/delta/73/20edited.sql~: skipped, since it is neither SQL nor Python",
		"main/delta/73/21elsewhere.sql.mysql: skipped, since it is for mysql",
		"main/delta/73/22notsql.sqlite: skipped, since it is neither SQL nor Python",
		"main/delta/73/README.md: skipped, since it is neither SQL nor Python",
		"main/delta/75/.keep: skipped, since it is neither SQL nor Python",
	}
	if diff := cmp.Diff(want, readSet(t, release(94, 84)).Warnings()); diff != "" {
		t.Error(diff)
	}
}
