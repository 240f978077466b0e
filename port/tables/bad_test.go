package tables_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
)

// A value that the target would not keep as it is stops the move before the first write, and is named.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to engine.Kind
		values   []stored
	}{
		{engine.SQLite, engine.Postgres, []stored{
			{"body", "'a' || char(0)", "nul"},
			{"body", "CAST(x'ff' AS TEXT)", "invalid_utf8"},
			{"body", "x'61'", "not_a_text"},
			{"body", "'7'", ""},
			{"short", "'elevenletters'", "too_long"},
			{"short", "'äöüäöüäöüä'", ""},
			{"flag", "2", "not_a_boolean"},
			{"flag", "'x'", "not_a_boolean"},
			{"flag", "0.5", "not_a_boolean"},
			{"flag", "1", ""},
			{"tiny", "32768", "out_of_range"},
			{"tiny", "-32769", "out_of_range"},
			{"tiny", "1.5", "not_an_integer"},
			{"tiny", "'x'", "not_an_integer"},
			{"tiny", "x'00'", "not_an_integer"},
			{"ratio", "9e999", ""},
			{"ratio", "'x'", "not_a_number"},
			{"ratio", "9007199254740993", ""},
			{"narrow", "0.1", "too_precise"},
			{"narrow", "0.5", ""},
			{"narrow", "1e300", "too_precise"},
			{"exact_amount", "'1.10'", ""},
			{"exact_amount", "'x'", "not_a_number"},
			{"exact_amount", "'1e5'", "not_a_number"},
			{"exact_amount", "''", "not_a_number"},
			{"amount", "1.1234567", "too_precise"},
			{"amount", "123456789012345", "out_of_range"},
			{"amount", "'NaN'", "not_a_number"},
			{"picture", "'text'", "not_bytes"},
			{"picture", "7", "not_bytes"},
			{"day", "'2023-02-29'", "not_a_time"},
			{"day", "20230228", "not_a_time"},
			{"day", "'today'", "not_a_time"},
			{"day", "'0000-01-01'", "out_of_range"},
			{"loose", "'{'", "invalid_json"},
			{"loose", `'"\u0000"'`, "json_escape"},
			{"loose", `'"\ud800"'`, "json_escape"},
			{"loose", `'"\ud83d\ude42"'`, ""},
			{"loose", "'5'", ""},
			{"document", "'{'", "invalid_json"},
			{"document", `'"\u0000"'`, ""},
			{"token", "'0F8FAD5B-D9CB-469F-A165-70867728950E'", "not_a_uuid"},
			{"token", "'x'", "not_a_uuid"},
		}},
		{engine.SQLite, engine.MySQL, []stored{
			{"body", "'a' || char(0)", ""},
			{"body", "CAST(x'ff' AS TEXT)", "invalid_utf8"},
			{"body", "x'61'", "not_a_text"},
			{"short", "'elevenletters'", "too_long"},
			{"short", "'äöüäöüäöüä'", ""},
			{"number", "2147483648", "out_of_range"},
			{"number", "'7x'", "not_an_integer"},
			{"ratio", "9e999", "out_of_range"},
			{"ratio", "-9e999", "out_of_range"},
			{"written", "'2024-01-01 00:00:00.1234567'", "too_precise"},
			{"written", "'2024-01-01T00:00:00'", ""},
			{"written", "'2024-01-01'", "not_a_time"},
		}},
		{engine.Postgres, engine.SQLite, []stored{
			{"ratio", "'NaN'", "out_of_range"},
			{"ratio", "'-0'", "out_of_range"},
			{"ratio", "'Infinity'", ""},
			{"amount", "12345678901234.5", ""},
			{"amount", "1234567890123.456", "too_precise"},
			{"amount", "'NaN'", "not_a_number"},
			{"day", "'infinity'", ""},
			{"day", "'0044-03-15 BC'", ""},
			{"loose", "'5'", "like_a_number"},
			{"loose", `'"5"'`, ""},
			{"loose", "'[5]'", ""},
		}},
		{engine.Postgres, engine.MySQL, []stored{
			{"ratio", "'NaN'", "out_of_range"},
			{"ratio", "'-0'", ""},
			{"ratio", "'Infinity'", "out_of_range"},
			{"day", "'infinity'", "not_a_time"},
			{"day", "'0044-03-15 BC'", "not_a_time"},
			{"moment", "'1969-12-31 23:59:59+00'", "out_of_range"},
			{"moment", "'2040-01-01 00:00:00+00'", "out_of_range"},
			{"clock", "'24:00'", "not_a_time"},
		}},
		{engine.MySQL, engine.Postgres, []stored{
			{"clock", "'-01:00:00'", "not_a_time"},
			{"clock", "'100:00:00'", "not_a_time"},
		}},
	} {
		t.Run("from "+string(c.from)+" to "+string(c.to), func(t *testing.T) {
			t.Parallel()
			source, target := prepared(t, c.from, sample(t)), anyengine.New(t, c.to)
			var want []string
			source.With(t, func(session engine.Session) error {
				for i, value := range c.values {
					exec(t, session, "INSERT INTO notes (name, place, "+value.column+") VALUES ('key', ?, "+value.literal+")", i+100)
					if value.class != "" {
						want = append(want, fmt.Sprintf("notes (name=key, place=%d).%s %s: %s", i+100, value.column, value.literal, value.class))
					}
				}
				return nil
			})
			report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t)})
			if _, bad := errors.AsType[*tables.BadValuesError](err); !bad {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, listed(report, c.values)); diff != "" {
				t.Error(diff)
			}
			untouched(t, target)
		})
	}
}

// stored is a value of a column, as SQL writes it, and what is the matter with it.
type stored struct{ column, literal, class string }

func listed(report *tables.Report, values []stored) (listed []string) {
	for _, bad := range report.BadValues {
		place, _ := strconv.Atoi(bad.Key[1].Value)
		listed = append(listed, fmt.Sprintf("%s (name=%s, place=%d).%s %s: %s", bad.Table, bad.Key[0].Value, place, bad.Column, values[place-100].literal, bad.Class))
	}
	slices.Sort(listed)
	return listed
}

// untouched fails when anything was made in a database.
func untouched(t *testing.T, database anyengine.Database) {
	t.Helper()
	database.With(t, func(session engine.Session) error {
		catalog, err := session.Describe(t.Context())
		if err == nil && len(catalog.Tables)+len(catalog.Objects) > 0 {
			t.Errorf("it was written to: %+v", catalog)
		}
		return err
	})
}
