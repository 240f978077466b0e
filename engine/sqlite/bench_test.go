package sqlite

import (
	"path/filepath"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
)

// BenchmarkScan reads a million rows of about 350 bytes, all columns of each: ns and allocations are per row. The
// bindings that other jobs use read the same file in the same run, for comparison.
func BenchmarkScan(b *testing.B) {
	path := filepath.Join(b.TempDir(), "million.db")
	execute(b, path, `CREATE TABLE t (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, score REAL, body TEXT, hash BLOB)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
		 INSERT INTO t SELECT i, '!room' || i % 100 || ':example.com', '@user' || i % 1000 || ':example.com', i / 7.0,
		   printf('%.*c', 240, 'x'), zeroblob(32) FROM n`)
	b.Run("snapshot", func(b *testing.B) { benchmarkSnapshot(b, path) })
	b.Run("zombiezen", func(b *testing.B) { benchmarkZombiezen(b, path) })
}

const scanQuery = "SELECT id, room, sender, score, body, hash FROM t"

func benchmarkSnapshot(b *testing.B, path string) {
	snapshot, err := OpenSnapshot(b.Context(), path, 1, quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer snapshot.Close()
	scanAll(b, snapshot.Reader(0), 1_000_000) // the first pass reads the file from the disk
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		done += scanAll(b, snapshot.Reader(0), b.N-done)
	}
}

func benchmarkZombiezen(b *testing.B, path string) {
	connection, err := zombiezen.OpenConn(path, zombiezen.OpenReadOnly)
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		done += scanZombiezen(b, connection, b.N-done)
	}
}

func scanZombiezen(b *testing.B, connection *zombiezen.Conn, limit int) int {
	statement, err := connection.Prepare(scanQuery)
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 1024)
	for count := 0; ; count++ {
		more, err := statement.Step()
		if err != nil {
			b.Fatal(err)
		}
		if !more || count == limit {
			return count
		}
		for i := range 6 {
			switch statement.ColumnType(i) {
			case zombiezen.TypeInteger:
				buffer[0] = byte(statement.ColumnInt64(i))
			case zombiezen.TypeFloat:
				buffer[0] = byte(statement.ColumnFloat(i))
			default:
				statement.ColumnBytes(i, buffer)
			}
		}
	}
}

// scanAll reads every value of up to limit rows.
func scanAll(b *testing.B, reader *Reader, limit int) int {
	rows, err := reader.Query(b.Context(), scanQuery)
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
		case Null:
		}
	}
	return buffer
}
