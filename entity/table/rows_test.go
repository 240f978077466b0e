package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/table"
)

func TestRowsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	values := []string{
		`null`, `true`, `""`, `0`, `-0.0`, `1e400`, `123456789012345678901234567890.10`, `"plain"`, `"\u0000 \ud800 \\ \" / é 🌡 ' ? $1 %"`, `"é🌡'?$1%\\"`,
		`{"b":1,"a":2,"b":3}`, "{ \"spaces\" :\t[ 1 ,\r\n 2 ] }\n", `[[],{},[null]]`, ` 1 `, `{"":{"":""}}`, `"` + strings.Repeat("long ", 300_000) + `"`,
	}
	onEveryEngine(t, func(t *testing.T, at place) {
		var want []table.Row
		for i, value := range values {
			want = append(want, table.Row{
				ID: fmt.Sprintf("entity %02d", i), State: []byte(value), Attributes: []byte(values[(i+1)%len(values)]), Locals: []byte(values[(i+2)%len(values)]),
				Definition: int64(i - 1), LastChanged: now.Add(time.Duration(i) * time.Microsecond), LastWritten: now, Removed: now.Add(time.Hour),
			})
		}
		want[3].Removed = time.Time{}
		want[4].LastChanged = time.Unix(-1000, 5000).UTC()
		opened := open(t, at.database, app)
		write(t, opened, changeTo(want...)...)
		mustHold(t, opened, want...)
		closeTable(t, opened)
		mustHold(t, open(t, at.database, app), want...)
	})
}

// What is missing is written as JSON too, so that no reader has to know of it.
func TestNilIsWrittenAsJSON(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		write(t, opened, table.Change{ID: "a", Row: &table.Row{LastChanged: now, LastWritten: now}})
		mustHold(t, opened, table.Row{
			ID: "a", State: []byte(`null`), Attributes: []byte(`null`), Locals: []byte(`{}`), LastChanged: now, LastWritten: now,
		})
	})
}

func TestGroupsOfAnySize(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		write(t, opened)
		var want []table.Row
		for i := range 1001 {
			want = append(want, row(fmt.Sprintf("sensor.%04d", i), i))
		}
		for _, size := range []int{1, 99, 100, 101, 1001} {
			write(t, opened, changeTo(want[:size]...)...)
			mustHold(t, opened, want[:size]...)
		}
		for i := range want {
			want[i].State, want[i].Removed = []byte(`"again"`), now
		}
		write(t, opened, changeTo(want...)...)
		mustHold(t, opened, want...)
		var deleted []table.Change
		for _, row := range want[1:] {
			deleted = append(deleted, table.Change{ID: row.ID, Delete: true})
		}
		write(t, opened, append(deleted, table.Change{ID: "never there", Delete: true})...)
		mustHold(t, opened, want[0])
	})
}

// Values that are large together become several statements of one transaction.
func TestGroupOfLargeValues(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		var want []table.Row
		for i := range 30 {
			large := row(fmt.Sprintf("camera.%02d", i), i)
			large.Attributes = append(append([]byte(`"`), bytes.Repeat([]byte{'a' + byte(i%26)}, 900_000)...), '"')
			want = append(want, large)
		}
		opened := open(t, at.database, app)
		write(t, opened, changeTo(want...)...)
		mustHold(t, opened, want...)
	})
}

func TestLastChangeOfAnEntityCounts(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		first, second, other := row("a", 1), row("a", 2), row("b", 3)
		write(t, opened, table.Change{ID: "a", Row: &first}, table.Change{ID: "b", Delete: true}, table.Change{ID: "a", Row: &second}, table.Change{ID: "b", Row: &other})
		mustHold(t, opened, second, other)
		write(t, opened, table.Change{ID: "a", Row: &first}, table.Change{ID: "a", Delete: true})
		mustHold(t, opened, other)
	})
}

func TestDamagedRowsAreSetAside(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		broken := row("a", 1)
		broken.State = []byte(`{"no JSON`)
		damaged := table.Damaged{Row: broken, Found: now, Problem: "unexpected end"}
		later := damaged
		later.Found, later.Problem = now.Add(time.Microsecond), "again"
		fresh := row("a", 2)
		changes := []table.Change{{ID: "a", Aside: &damaged, Row: &fresh}, {ID: "a", Aside: &later}}
		write(t, opened, changes...)
		write(t, opened, changes...) // as after a commit whose answer was lost
		write(t, opened, table.Change{ID: "other", Aside: &damaged, Delete: true})
		mustHold(t, opened, fresh)
		other := damaged
		other.ID = "other"
		got, err := opened.Damaged(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff([]table.Damaged{damaged, later, other}, got); difference != "" {
			t.Error(difference)
		}
	})
}

// Ids are compared exactly on every engine, whatever the server's settings are.
func TestIDsAreExact(t *testing.T) {
	t.Parallel()
	ids := []string{
		"a", "A", "ä", "a\u0308", "ａ", "ß", "ss", " a", "a\t", "a\u00a0", "a%", "a_", `a\`, "a'", `a"`, "🌡", "🌡\ufe0f", "ı", "i", "I",
		strings.Repeat("🌡", 255), strings.Repeat("x", 255),
	}
	onEveryEngine(t, func(t *testing.T, at place) {
		for _, application := range []string{app, strings.ToUpper(app), strings.Repeat("🏠", 255)} {
			opened := open(t, at.database, application)
			var want []table.Row
			for i, id := range ids {
				want = append(want, row(id, i))
			}
			write(t, opened, changeTo(want...)...)
			mustHold(t, opened, want...)
			write(t, opened, table.Change{ID: "a", Delete: true})
			mustHold(t, opened, want[1:]...)
		}
	})
}

func TestIDsThatAreRefused(t *testing.T) {
	t.Parallel()
	opened := open(t, sqliteAt(":memory:"), app)
	for _, id := range []string{"", " ", "a ", "a\x00b", "a\xff", strings.Repeat("ä", 256)} {
		for what, err := range map[string]error{
			"CheckID": table.CheckID(id),
			"Write":   opened.Write(t.Context(), []table.Change{{ID: id, Delete: true}}),
			"Open":    openError(t, sqliteAt(":memory:"), id),
		} {
			if _, refused := errors.AsType[*table.IDError](err); !refused || !strings.Contains(err.Error(), "1 to 255 characters") {
				t.Errorf("%s of %q: %v", what, id, err)
			}
		}
	}
}

// Two applications use the same ids side by side.
func TestApplicationsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		first, second := open(t, at.database, "first"), open(t, at.database, "second")
		for i := range 3 {
			write(t, first, changeTo(row("a", i), row("b", 10))...)
			write(t, second, changeTo(row("a", 100+i))...)
		}
		write(t, second, table.Change{ID: "b", Delete: true})
		mustHold(t, first, row("a", 2), row("b", 10))
		mustHold(t, second, row("a", 102))
	})
}

func TestErrorOfTakeEndsTheLoading(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		var rows []table.Row
		for i := range 5000 {
			rows = append(rows, row(fmt.Sprint(i), i))
		}
		write(t, opened, changeTo(rows...)...)
		enough := errors.New("enough")
		taken := 0
		err := opened.Load(t.Context(), func(table.Row) error {
			taken++
			return enough
		})
		if !errors.Is(err, enough) || taken != 1 {
			t.Errorf("%v after %d rows", err, taken)
		}
		if got := len(load(t, opened)); got != len(rows) {
			t.Errorf("%d rows", got)
		}
	})
}
