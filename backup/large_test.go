package backup_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/media"
)

// manyMedia are as many files as a homeserver has after some months.
const manyMedia = 10_000

// mediumSize is how many bytes each of them has: in the long form they have 1 GB together.
func mediumSize(t testing.TB) int {
	t.Helper()
	if dbtest.Rounds(t, 1) >= 100 {
		return 100_000
	}
	return 240
}

// text is a content that only one medium has.
func text(size int) func(number int) string {
	return func(number int) string {
		id := mediumID(number)
		return strings.Repeat(id, size/len(id)+1)[:size]
	}
}

// mediumID is as a homeserver makes them: nearly each file has folders of its own.
func mediumID(number int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256(fmt.Appendf(nil, "medium %d", number))
	id := make([]byte, 24)
	for i := range id {
		id[i] = letters[int(sum[i])%len(letters)]
	}
	return string(id)
}

// addMedia adds files with their rows.
func (s *scene) addMedia(number int, content func(number int) string) {
	s.t.Helper()
	const together = 500
	s.work(func(main, _ engine.Session) {
		var values []any
		for i := range number {
			id, content := mediumID(i), content(i)
			parts, err := media.LocalContent.Path("", id, "")
			if err != nil {
				s.t.Fatal(err)
			}
			s.file("media_store/"+strings.Join(parts, "/"), content, 0o640)
			values = append(values, id, len(content), sumOf([]byte(content)))
			if rows := len(values) / 3; rows == together || i == number-1 {
				must(s.t, main, "INSERT INTO local_media_repository (media_id, media_length, sha256) VALUES (?, ?, ?)"+strings.Repeat(", (?, ?, ?)", rows-1), values...)
				values = nil
			}
		}
	})
}

// rowsByTable are all rows as text, and how often each is there.
type rowsByTable map[string]map[string]int

const (
	postgresRows = `SELECT format('SELECT %L, t::text FROM %I AS t', relname, relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`
	sqliteRows   = `SELECT 'SELECT ' || quote(t.name) || ', ' || group_concat('quote("' || c.name || '")', ' || '','' || ') || ' FROM "' || t.name || '"'
FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.rootpage > 0 AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' GROUP BY t.name`
)

func readRows(t testing.TB, from engine.Session) rowsByTable {
	t.Helper()
	queries := []string{}
	texts := map[engine.Kind]string{engine.Postgres: postgresRows, engine.SQLite: sqliteRows}
	err := engine.Each(t.Context(), from, texts[from.Engine()], nil, func(scan func(...any) error) error {
		var query string
		err := scan(&query)
		queries = append(queries, query)
		return err
	})
	found := rowsByTable{}
	for _, query := range queries {
		if err == nil {
			err = found.add(t.Context(), from, query)
		}
	}
	if err != nil || len(queries) == 0 {
		t.Fatal(err)
	}
	return found
}

func (r rowsByTable) add(ctx context.Context, from engine.Querier, query string) error {
	return engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var table, row string
		err := scan(&table, &row)
		if r[table] == nil {
			r[table] = map[string]int{}
		}
		r[table][row]++
		return err
	})
}

// everyRow looks that the rows of the snapshot came back: as many as the manifest counts, and each one of those that the source has, which were only
// added to since.
func (p *place) everyRow(manifest *backup.Manifest) {
	p.t.Helper()
	var source, came [2]rowsByTable
	p.work(func(main, state engine.Session) { source = [2]rowsByTable{readRows(p.t, main), readRows(p.t, state)} })
	p.restored(func(main, state engine.Session) { came = [2]rowsByTable{readRows(p.t, main), readRows(p.t, state)} })
	for place, database := range manifest.Databases {
		for _, table := range database.Tables {
			var rows int64
			for row, often := range came[place][table.Name] {
				rows += int64(often)
				if there := source[place][table.Name][row]; there < often {
					p.t.Errorf("%s of %s has %d times a row that was there %d times: %s", table.Name, database.Label, often, there, row)
				}
			}
			if want := table.Rows; rows != want && (!table.Left || rows != 0) {
				p.t.Errorf("%s of %s has %d rows, and the snapshot %d", table.Name, database.Label, rows, want)
			}
		}
	}
}
