package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// values reads all rows, each value as its type and its bytes.
func values(tb testing.TB, reader *Reader, query string, arguments ...any) [][]string {
	tb.Helper()
	var all [][]string
	err := reader.each(tb.Context(), query, arguments, func(rows *Rows) {
		var row []string
		for i := range rows.Columns() {
			kind, length := rows.Type(i), rows.Len(i)
			text := rows.text(i)
			if len(text) != length {
				tb.Errorf("Len says %d, Append gave %d bytes", length, len(text))
			}
			row = append(row, fmt.Sprintf("%s %q", kind, text))
		}
		all = append(all, row)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func TestValuesComeAsStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	execute(t, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)",
		`INSERT INTO t (a, b) VALUES
			(NULL, ''), (9223372036854775807, x''), (-9223372036854775808, 'a' || char(0) || 'b'), (1.5, CAST(x'ff00fe80' AS TEXT)),
			('text in an integer column', x'00ff5c30'), (x'31', 'é😀'), (9e999, '\N'), (-0.0, char(10, 13, 9))`)
	want := [][]string{
		{`null ""`, `text ""`},
		{`integer "9223372036854775807"`, `blob ""`},
		{`integer "-9223372036854775808"`, `text "a\x00b"`},
		{`real "1.5"`, `text "\xff\x00\xfe\x80"`},
		{`text "text in an integer column"`, `blob "\x00\xff\\0"`},
		{`blob "1"`, `text "é😀"`},
		{`real "Inf"`, `text "\\N"`},
		{`integer "0"`, `text "\n\r\t"`},
	}
	if diff := cmp.Diff(want, values(t, open(t, path, 1).Reader(0), "SELECT a, b FROM t ORDER BY id")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTextOfUTF16ComesAsUTF8(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"UTF-16le", "UTF-16be"} {
		path := filepath.Join(t.TempDir(), "a.db")
		execute(t, path, "PRAGMA encoding = '"+encoding+"'", "CREATE TABLE t (a)", "INSERT INTO t VALUES ('é😀' || char(0) || 'x'), (x'c328'), ('')")
		want := [][]string{{`text "é😀\x00x"`}, {`blob "\xc3("`}, {`text ""`}}
		if diff := cmp.Diff(want, values(t, open(t, path, 1).Reader(0), "SELECT a FROM t")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", encoding, diff)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	rows, err := open(t, path, 1).Reader(0).Query(t.Context(), "SELECT ?, ?, ?, 1e308", math.MinInt64, math.SmallestNonzeroFloat64, true)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if more, err := rows.Next(); !more || err != nil {
		t.Fatal(more, err)
	}
	if rows.Int64(0) != math.MinInt64 || rows.Float64(1) != math.SmallestNonzeroFloat64 || rows.Int64(2) != 1 || rows.Float64(3) != 1e308 {
		t.Errorf("got %d, %g, %d, %g", rows.Int64(0), rows.Float64(1), rows.Int64(2), rows.Float64(3))
	}
	for range 2 {
		if more, err := rows.Next(); more || err != nil {
			t.Errorf("after the last row: %v, %v", more, err)
		}
	}
}

func TestArgumentsAndNames(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	reader := open(t, path, 1).Reader(0)
	got := values(t, reader, "SELECT ?, ?, ?, ?, ?, ?, ?", nil, 7, int64(8), "a\x00\xff", []byte{}, []byte("\x00"), []byte(nil))
	want := [][]string{{`null ""`, `integer "7"`, `integer "8"`, `text "a\x00\xff"`, `blob ""`, `blob "\x00"`, `null ""`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rows, err := reader.Query(t.Context(), `SELECT 1 AS a, 2 AS a, 3 AS "b ""c"`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a", `b "c`}, rows.Columns()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := errors.Join(rows.Close(), rows.Close()); err != nil {
		t.Error(err)
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	reader := open(t, path, 1).Reader(0)
	for query, want := range map[string]string{
		"SELECT ?":              "has 1 parameters, 0 arguments",
		"SELECT 1; SELECT 2":    "want one statement",
		"":                      "want one statement",
		"SELECT missing FROM t": "no such column",
		"SELECT 1 -- \x00":      "want one statement",
	} {
		if _, err := reader.Query(t.Context(), query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", query, err, want)
		}
	}
	if _, err := reader.Query(t.Context(), "SELECT ?", struct{}{}); err == nil || !strings.Contains(err.Error(), "struct {}") {
		t.Errorf("got %v", err)
	}
	for _, statement := range []string{"DELETE FROM t", "CREATE TABLE u (a)", "PRAGMA user_version = 7"} {
		if err := reader.each(t.Context(), statement, nil, func(*Rows) {}); err == nil {
			t.Errorf("%s was carried out", statement)
		}
	}
}

func TestSeveralQueriesOfOneReader(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	reader := open(t, path, 1).Reader(0)
	const query = "SELECT id FROM t ORDER BY id"
	var open [3]*Rows
	for i := range open {
		ctx, cancel := context.WithCancel(t.Context()) // one each, so that the reader has to follow them in turn
		defer cancel()
		rows, err := reader.Query(ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		open[i] = rows
	}
	for want := int64(1); want <= 1000; want++ {
		for i, rows := range open {
			if more, err := rows.Next(); !more || err != nil || rows.Int64(0) != want {
				t.Fatalf("query %d: %v, %v, id %d, want %d", i, more, err, rows.Int64(0), want)
			}
		}
	}
}

const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

func TestEndOfContextEndsTheQueryButNotTheSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeWAL(t, path)
	owner := startHolding(t, path, "SELECT count(*) FROM t")
	snapshot := open(t, path, 1)
	reader := snapshot.Reader(0)
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, why)
	defer cancel()
	if err := reader.each(ctx, endless, nil, func(*Rows) {}); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	if _, err := reader.Query(ctx, "SELECT 1"); !errors.Is(err, why) {
		t.Errorf("a query after the end of its context: %v", err)
	}
	writer := startHolding(t, path, "DELETE FROM t")
	if got := number(t, reader, "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows, want the 1000 of the snapshot", got)
	}
	writer.end(t)
	owner.end(t)
}

func TestEndOfContextBetweenRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	reader := open(t, path, 1).Reader(0)
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := reader.Query(ctx, "SELECT id FROM t")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if more, err := rows.Next(); !more || err != nil {
		t.Fatal(more, err)
	}
	cancel()
	if more, err := rows.Next(); more || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", more, err)
	}
	if got := number(t, reader, "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows, want 1000", got)
	}
}

func TestClosedSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	snapshot := open(t, path, 1)
	reader := snapshot.Reader(0)
	rows, err := reader.Query(t.Context(), "SELECT id FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(snapshot.Close(), snapshot.Close(), rows.Close()); err != nil {
		t.Error(err)
	}
	if more, err := rows.Next(); more || err != nil {
		t.Errorf("got %v, %v from closed rows", more, err)
	}
	if _, err := reader.Query(t.Context(), "SELECT 1"); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
	if err := snapshot.Unchanged(); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestLongValues(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	execute(t, path, "CREATE TABLE t (n INTEGER, a)",
		"INSERT INTO t SELECT column1, replace(hex(zeroblob(column1 / 2)), '00', 'ab') FROM (VALUES (200000), (10000000))",
		"INSERT INTO t VALUES (30000000, zeroblob(30000000))")
	var buffer []byte
	err := open(t, path, 1).Reader(0).each(t.Context(), "SELECT n, a FROM t", nil, func(rows *Rows) {
		buffer = rows.Append(1, buffer[:0])
		length := int(rows.Int64(0))
		want := []byte("ab")
		if rows.Type(1) == Blob {
			want = []byte{0, 0}
		}
		if len(buffer) != length || !bytes.Equal(buffer, bytes.Repeat(want, length/2)) {
			t.Errorf("%d bytes came, not the %d that were stored", len(buffer), length)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRowsAllocateNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	reader := open(t, path, 1).Reader(0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows, err := reader.Query(ctx, "SELECT a.id, a.body, b.id * 0.5 FROM t AS a, t AS b")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	buffer := make([]byte, 0, 4096)
	allocations := testing.AllocsPerRun(10_000, func() {
		if more, err := rows.Next(); !more || err != nil {
			t.Fatal(more, err)
		}
		buffer = appendRow(rows, 3, buffer[:0])
	})
	if allocations != 0 {
		t.Errorf("%v allocations per row", allocations)
	}
}

// TestMemoryStaysSmall reads a database of 150 MB with four readers in a process of its own.
func TestMemoryStaysSmall(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("only Linux says how much memory a process had at most")
		return
	}
	path := filepath.Join(t.TempDir(), "a.db")
	execute(t, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 75000) INSERT INTO t SELECT i, zeroblob(2000) FROM n")
	reader := start(t, "peak", nil, path)
	var kilobytes int
	if _, err := fmt.Sscan(reader.line(t), &kilobytes); err != nil {
		t.Fatal(err)
	}
	reader.end(t)
	if kilobytes > 60_000 {
		t.Errorf("four readers needed %d kB at most", kilobytes)
	}
}

// peak reads all rows with four readers at once and prints the most memory that the process ever had, in kB.
func peak(path string) error {
	snapshot, err := OpenSnapshot(context.Background(), path, 4, quiet())
	if err != nil {
		return err
	}
	done := make(chan error)
	for i := range 4 {
		go func() {
			var buffer []byte
			done <- snapshot.Reader(i).each(context.Background(), "SELECT * FROM t", nil, func(rows *Rows) { buffer = rows.Append(1, buffer[:0]) })
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			return err
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Println(strings.Fields(rest)[0])
	return snapshot.Close()
}
