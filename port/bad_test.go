package port_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/port/convert"
)

var damaged = demo.Options{Events: 60, Seed: 3, BadValues: true} //nolint:gochecknoglobals // as small

// classOf is what the port calls a bad value of the demo.
func classOf(value demo.BadValue) convert.Class {
	switch {
	case value.Kind == demo.KindNUL && value.Table == "event_search":
		return convert.ClassConverted // a blank takes its place there, as upstream does
	case value.Kind == demo.KindRejected:
		return convert.ClassNull // the CHECK behind it only ever sees NULL
	}
	return convert.Class(value.Kind)
}

// conditions makes a WHERE clause out of a demo's key, with one placeholder for each of its values.
func conditions(key map[string]any, placeholder func(number int) string) (where string, args []any) {
	var terms []string
	for i, column := range slices.Sorted(maps.Keys(key)) {
		terms = append(terms, fmt.Sprintf("%s = %s", sqlite.QuoteIdentifier(column), placeholder(i+1)))
		args = append(args, key[column])
	}
	return strings.Join(terms, " AND "), args
}

// lastRowID returns the rowid of the row, of the last one where two have the key.
func lastRowID(t testing.TB, sides comparison, value demo.BadValue) (rowid int64) {
	t.Helper()
	where, args := conditions(value.Key, func(int) string { return "?" })
	query := fmt.Sprintf("SELECT max(rowid) FROM %s WHERE %s", sqlite.QuoteIdentifier(value.Table), where)
	if err := sides.source.QueryRowContext(t.Context(), query, args...).Scan(&rowid); err != nil {
		t.Fatal(err)
	}
	return rowid
}

func TestCheckListsEveryBadValueAndWritesNothing(t *testing.T) {
	t.Parallel()
	source, generated := demoSourceReport(t, damaged)
	target := preparedTarget(t)
	before := dump(t, target)
	report, err := portInto(t, source, target, func(o *port.Options) { o.Check = true })
	if _, refused := errors.AsType[*port.BadValuesError](err); !refused {
		t.Fatalf("%v, want *BadValuesError", err)
	}
	sides := comparison{source: openSource(t, source)}
	for _, value := range generated.BadValues {
		rowid := lastRowID(t, sides, value)
		found := slices.ContainsFunc(report.BadValues, func(d port.Deviation) bool {
			return d.Table == value.Table && d.RowID == rowid && d.Class == classOf(value) &&
				(d.Column == value.Column || d.Column == "")
		})
		if !found {
			t.Errorf("not listed: %+v, row %d, as %s", value, rowid, classOf(value))
		}
	}
	if len(report.BadValues) != len(generated.BadValues) {
		t.Errorf("%d values are listed, want %d", len(report.BadValues), len(generated.BadValues))
	}
	if difference := cmp.Diff(before, dump(t, target)); difference != "" {
		t.Errorf("the check wrote:\n%s", difference)
	}
}

func TestBadValuesAreRefusedByDefault(t *testing.T) {
	t.Parallel()
	source, target := demoSource(t, damaged), preparedTarget(t)
	before := dump(t, target)
	var aside string
	_, err := portInto(t, source, target, func(o *port.Options) { aside = o.SetAsideFile })
	var refused *port.BadValuesError
	if !errors.As(err, &refused) || refused.Late {
		t.Fatalf("%v, want *BadValuesError before anything is written", err)
	}
	if !strings.Contains(err.Error(), "table access_tokens id=2000000 (rowid 25), column used: ") {
		t.Errorf("table, key, rowid and column of the first one are not named: %v", err)
	}
	if difference := cmp.Diff(before, dump(t, target)); difference != "" {
		t.Errorf("the target was touched:\n%s", difference)
	}
	if _, err := os.Stat(aside); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file for rows set aside was made: %v", err)
	}
}

// repaired holds what the demo's bad values are after a repair, by table and key; other rows are set aside.
func repaired() map[string]string {
	return map[string]string{
		"delayed_events syd_bad alice":                       `{"as":"bytes"}`,
		"profiles @badbytes:demo.example.com":                "\uFFFD\uFFFD",
		"profiles @badnul:demo.example.com":                  "{\"a\": \"\uFFFD\"}",
		"profiles @badhalf:demo.example.com":                 "{\"a\": \"\uFFFD\"}",
		"room_memberships $badmember":                        "f\uFFFDg",
		"devices BADCUT @alice:demo.example.com":             "\uFFFD\uFFFD",
		"account_data bad.surrogate @alice:demo.example.com": "{\"a\":\"\uFFFD\uFFFD\uFFFD\"}",
		"event_json $badnul":                                 "{\"nul\":\"a\uFFFDb\"}",
		"room_stats_state !bad:demo.example.com":             "nul\uFFFDname",
		"destinations bad123.example.net":                    "123",
		"device_federation_inbox twice bad.example.net":      "", // the first of the two stays
	}
}

func TestRepairMendsOrSetsAsideEveryBadValue(t *testing.T) {
	t.Parallel()
	source, generated := demoSourceReport(t, damaged)
	target := preparedTarget(t)
	var aside string
	report, err := portInto(t, source, target, func(o *port.Options) {
		o.OnBadValue, aside = port.Repair, o.SetAsideFile
	})
	if err != nil {
		t.Fatal(err)
	}
	sides := comparison{source: openSource(t, source), target: target.Connect(t)}
	want := repaired()
	for _, value := range generated.BadValues {
		if value.Table == "event_search" {
			continue // sameSearch is for texts
		}
		name := keyName(value)
		if !reportedAs(report, value.Table, classOf(value)) {
			t.Errorf("%s is not reported as %s", name, classOf(value))
		}
		kept, found := sides.valueOf(t, value)
		text, stays := want[name]
		if found != stays || kept != text {
			t.Errorf("%s, column %s: %q in the target (%v), want %q (%v)", name, value.Column, kept, found, text, stays)
		}
	}
	lines := readAside(t, aside)
	if report.AsideFile != aside || report.AsideRows != int64(len(lines)) {
		t.Errorf("the report tells of %d lines in %s, want %d in %s", report.AsideRows, report.AsideFile, len(lines), aside)
	}
	for _, line := range lines {
		line.checkOriginal(t, sides)
	}
	checkEveryChangeIsKept(t, report, lines)
}

func reportedAs(report *port.Report, table string, class convert.Class) bool {
	return slices.ContainsFunc(report.BadValues, func(d port.Deviation) bool { return d.Table == table && d.Class == class })
}

func keyName(value demo.BadValue) string {
	name := value.Table
	for _, column := range slices.Sorted(maps.Keys(value.Key)) {
		name += fmt.Sprintf(" %v", value.Key[column])
	}
	return name
}

// valueOf returns what the target holds in the place of a bad value.
func (c comparison) valueOf(t testing.TB, value demo.BadValue) (text string, found bool) {
	t.Helper()
	column := "''"
	if value.Column != "" {
		column = sqlite.QuoteIdentifier(value.Column) + "::text"
	}
	where, args := conditions(value.Key, func(i int) string { return fmt.Sprintf("$%d", i) })
	rows, err := c.target.Query(t.Context(), fmt.Sprintf("SELECT %s FROM %s WHERE %s", column, value.Table, where), args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if found {
			t.Errorf("several rows of %v in %s", value.Key, value.Table)
		}
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text, found
}

// checkEveryChangeIsKept holds the report against the file: what lost something has its original there.
func checkEveryChangeIsKept(t testing.TB, report *port.Report, lines []asideLine) {
	t.Helper()
	for _, deviation := range report.BadValues {
		kept := slices.ContainsFunc(lines, func(line asideLine) bool {
			return line.Table == deviation.Table && line.RowID == deviation.RowID &&
				(line.Action == string(deviation.Action) || line.Action == string(port.ActionSetAside))
		})
		if deviation.Class.Bad() != kept {
			t.Errorf("original in the file: %v, for %s (%s)", kept, deviation, deviation.Action)
		}
	}
}

// dump is everything that a database holds, as pg_dump writes it.
func dump(t testing.TB, database *dbtest.Database) string {
	t.Helper()
	return withoutTokens(string(run(t, dbtest.Postgres(t).Bin("pg_dump"), "--no-owner", "--dbname="+database.DSN)))
}

// A file that holds other rows is never written over.
func TestFileForRowsSetAsideIsNotReplaced(t *testing.T) {
	t.Parallel()
	source, target := demoSource(t, damaged), preparedTarget(t)
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte("precious\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := portInto(t, source, target, func(o *port.Options) { o.OnBadValue, o.SetAsideFile = port.Repair, path })
	if refused, ok := errors.AsType[*port.RefusedError](err); !ok || !refused.Has("set_aside_file") {
		t.Errorf("%v, want that the file exists", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "precious\n" {
		t.Errorf("the file now holds %q, %v", content, err)
	}
}
