package port_test

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// badRow is a line of testdata/bad-94.tsv.
type badRow struct {
	table, column, stored, outcome, value string
	key                                   map[string]any
}

func readBadRows(t testing.TB) []badRow {
	t.Helper()
	content, err := os.ReadFile("testdata/bad-94.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []badRow
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || fields[0] == "table" {
			continue
		}
		if len(fields) != 6 {
			t.Fatalf("%d fields, want 6, in %q", len(fields), line)
		}
		row := badRow{table: fields[0], column: fields[2], stored: fields[3], outcome: fields[4], value: fields[5], key: map[string]any{}}
		for part := range strings.FieldsSeq(fields[1]) {
			column, value, _ := strings.Cut(part, "=")
			row.key[column] = value
		}
		rows = append(rows, row)
	}
	return rows
}

func (r badRow) String() string { return fmt.Sprintf("%s %v %s", r.table, r.key, r.column) }

// storedIn returns the stored value in the table's notation, and the text itself where it is one.
func (r badRow) storedIn(t testing.TB, sides comparison) (form, text string) {
	t.Helper()
	column, from := sqlite.QuoteIdentifier(r.column), r.table
	where, args := conditions(r.key, func(int) string { return "?" })
	if r.table == "event_search" { // its module is only in upstream's SQLite
		column, from, where = "c4value", "event_search_content", "c0event_id = ? AND c1room_id = ?"
	}
	var bytes sql.RawBytes
	query := fmt.Sprintf("SELECT "+storedForm+", CAST(%[1]s AS BLOB) FROM %[2]s WHERE %[3]s", column, from, where)
	rows, err := sides.source.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("%s: no such row in the source, %v", r, rows.Err())
	}
	if err := rows.Scan(&form, &bytes); err != nil {
		t.Fatal(err)
	}
	return form, string(bytes)
}

// checkStored checks that the list says what the source holds.
func (r badRow) checkStored(t testing.TB, sides comparison) {
	t.Helper()
	form, _ := r.storedIn(t, sides)
	class, part, isPart := strings.Cut(r.stored, "~")
	if isPart && (!strings.HasPrefix(form, class) || !strings.Contains(form, part)) {
		t.Errorf("%s is stored as %s, not with %s in it", r, form, part)
	}
	if !isPart && !sameOriginal(form, r.stored) {
		t.Errorf("%s is stored as %s, not %s", r, form, r.stored)
	}
}

// checkValue checks that the target holds what the list says.
func (r badRow) checkValue(t testing.TB, sides comparison) {
	t.Helper()
	if r.table == "event_search" {
		_, text := r.storedIn(t, sides)
		same := queryOne[bool](t, sides.target, "SELECT vector = to_tsvector('english', $2) FROM event_search WHERE event_id = $1",
			r.key["event_id"], strings.ReplaceAll(text, "\x00", " "))
		if !same {
			t.Errorf("%s: other words than those of %q", r, text)
		}
		return
	}
	got, found := sides.valueOf(t, demo.BadValue{Table: r.table, Key: r.key, Column: r.column})
	stays := r.outcome == string(port.ActionConverted) || r.outcome == string(port.ActionRepaired)
	want := r.value
	if part, isPart := strings.CutPrefix(want, "~"); isPart {
		_, text := r.storedIn(t, sides)
		want = strings.ReplaceAll(text, "\x00", "\uFFFD")
		if !strings.Contains(want, part) {
			t.Errorf("%s: the list's %q is not in %q", r, part, want)
		}
	}
	if got != want || found != stays {
		t.Errorf("%s: %q in the target (%v), want %q (%v)", r, got, found, want, stays)
	}
}

// checkReported checks that the report says so too.
func (r badRow) checkReported(t testing.TB, report *port.Report) {
	t.Helper()
	reported := slices.ContainsFunc(report.BadValues, func(d port.Deviation) bool {
		return d.Table == r.table && d.Column == r.column && string(d.Action) == r.outcome && r.sameKey(d.Key)
	})
	if reported != (r.outcome != "not_copied") {
		t.Errorf("%s, %s: in the report: %v", r, r.outcome, reported)
	}
}

// sameKey compares the columns that both name; the report does not show a token.
func (r badRow) sameKey(key []port.KeyPart) bool {
	return !slices.ContainsFunc(key, func(part port.KeyPart) bool {
		want, named := r.key[part.Column]
		return named && part.Column != "access_token" && part.Value != want
	})
}

func TestRealBadDatabaseIsRepaired(t *testing.T) {
	t.Parallel()
	rows := readBadRows(t)
	if len(rows) != 21 {
		t.Fatalf("the list has %d rows, want the 20 bad values and a row that depends on one", len(rows))
	}
	target, found := realTarget(t, "94")
	if !found {
		return
	}
	source, _ := dbtest.CopyData(t, "homeserver-94-bad.sqlite")
	before := beforePort(t, target)
	var aside string
	report, err := portInto(t, source, target, func(o *port.Options) { o.OnBadValue, aside = port.Repair, o.SetAsideFile })
	if err != nil {
		t.Fatal(err)
	}
	checkFinished(t, target, before, report)
	sides := comparison{source: openSource(t, source), target: target.Connect(t)}
	for _, row := range rows {
		if row.column != "" {
			row.checkStored(t, sides)
		}
		row.checkValue(t, sides)
		row.checkReported(t, report)
	}
	if deviations := len(rows); len(report.BadValues) != deviations { // one fewer is copied, one value has two faults
		t.Errorf("the report tells of %d values, want %d", len(report.BadValues), deviations)
	}
	lines := readAside(t, aside)
	for _, line := range lines {
		line.checkOriginal(t, sides)
	}
	checkEveryChangeIsKept(t, report, lines)
}

func TestRealBadDatabaseIsRefusedByDefaultAndListedByCheck(t *testing.T) {
	t.Parallel()
	target, found := realTarget(t, "94")
	if !found {
		return
	}
	source, _ := dbtest.CopyData(t, "homeserver-94-bad.sqlite")
	before := dump(t, target)
	var refused *port.BadValuesError
	if _, err := portInto(t, source, target, nil); !errors.As(err, &refused) || refused.Late {
		t.Fatalf("%v, want *BadValuesError before the first write", err)
	}
	if first := "table account_data user_id=@alice0:example.com account_data_type=m.direct"; !strings.Contains(refused.Error(), first) {
		t.Errorf("the first bad value is not named: %v", refused)
	}
	report, err := portInto(t, source, target, func(o *port.Options) { o.Check = true })
	if !errors.As(err, &refused) {
		t.Fatalf("check: %v, want *BadValuesError", err)
	}
	for _, row := range readBadRows(t) {
		if row.column != "" { // the row that depends on another is found when that one is missing
			row.checkReported(t, report)
		}
	}
	if difference := cmp.Diff(before, dump(t, target)); difference != "" {
		t.Errorf("the target was touched:\n%s", difference)
	}
}

func TestListOfBadValuesIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, row := range readBadRows(t) {
		class, bytes, _ := strings.Cut(row.stored, " ")
		if class == "text" || class == "blob" {
			if _, err := hex.DecodeString(strings.TrimPrefix(bytes, "~")); err != nil {
				t.Errorf("%s: %v", row, err)
			}
		}
	}
}
