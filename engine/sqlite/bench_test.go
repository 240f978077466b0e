package sqlite

import (
	"log/slog"
	"path/filepath"
	"testing"
)

// BenchmarkScan reads a million rows of about 350 bytes, all columns of each: ns and allocations are per row.
func BenchmarkScan(b *testing.B) {
	path := filepath.Join(b.TempDir(), "million.db")
	execute(b, path, `CREATE TABLE t (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, score REAL, body TEXT, hash BLOB)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
		 INSERT INTO t SELECT i, '!room' || i % 100 || ':example.com', '@user' || i % 1000 || ':example.com', i / 7.0,
		   printf('%.*c', 240, 'x'), randomblob(32) FROM n`)
	snapshot, err := OpenSnapshot(b.Context(), path, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer snapshot.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		done += scanAll(b, snapshot.Reader(0), b.N-done)
	}
}

// scanAll reads every value of up to limit rows.
func scanAll(b *testing.B, reader *Reader, limit int) int {
	rows, err := reader.Query(b.Context(), "SELECT id, room, sender, score, body, hash FROM t")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	buffer := make([]byte, 0, 1024)
	columns := len(rows.Columns())
	for count := 0; ; count++ {
		more, err := rows.Next()
		if err != nil {
			b.Fatal(err)
		}
		if !more || count == limit {
			return count
		}
		buffer = appendRow(rows, columns, buffer[:0])
	}
}

func appendRow(rows *Rows, columns int, buffer []byte) []byte {
	for i := range columns {
		switch rows.Type(i) {
		case Integer:
			buffer = append(buffer, byte(rows.Int64(i)))
		case Float:
			buffer = append(buffer, byte(rows.Float64(i)))
		case Text, Blob:
			buffer = rows.Append(i, buffer)
		}
	}
	return buffer
}
