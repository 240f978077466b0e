package tables_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
)

// Numbers of any bits and texts of any characters come through all engines as they were.
func TestValuesOfAnyKind(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	first := prepared(t, engine.SQLite, sample(t))
	first.With(t, func(session engine.Session) error {
		return session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			for i := range 1000 {
				_, err := tx.Exec(t.Context(), "INSERT INTO notes (name, place, ratio, narrow, exact_amount, body, picture) VALUES (?, ?, ?, ?, ?, ?, ?)",
					fmt.Sprintf("%d %s", i, strings.TrimRight(anyText(random, 20), " ")), random.Int64(), anyDouble(random), float64(anySingle(random)), anyDecimal(random), anyText(random, 200), anyBytes(random))
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	before, last := contentsOf(t, first), first
	for _, kind := range []engine.Kind{engine.Postgres, engine.Postgres, engine.MySQL, engine.MySQL, engine.SQLite, engine.SQLite} {
		next := anyengine.New(t, kind)
		move(t, last, next, sample(t))
		last = next
	}
	if diff := cmp.Diff(before, contentsOf(t, last)); diff != "" {
		t.Error(diff)
	}
}

// anyDouble has any bits that every engine keeps: no NaN, no infinity, no -0.
func anyDouble(random *rand.Rand) float64 {
	for {
		value := math.Float64frombits(random.Uint64())
		if random.IntN(4) == 0 {
			value = math.Round(random.Float64()*1e6) / 1e3 //nolint:mnd // a usual one
		}
		if !math.IsNaN(value) && !math.IsInf(value, 0) && (value != 0 || !math.Signbit(value)) {
			return value
		}
	}
}

func anySingle(random *rand.Rand) float32 {
	for {
		value := math.Float32frombits(random.Uint32())
		if value == value && !math.IsInf(float64(value), 0) && (value != 0 || !math.Signbit(float64(value))) {
			return value
		}
	}
}

func anyDecimal(random *rand.Rand) string {
	return fmt.Sprintf("%d.%09d1", random.Int64()-math.MaxInt64/2, random.IntN(1e9))
}

func anyText(random *rand.Rand, most int) string {
	var text strings.Builder
	for range random.IntN(most) {
		letter := rune(1 + random.IntN(0x10ffff))
		if random.IntN(2) == 0 {
			letter = rune(1 + random.IntN(0x7f))
		}
		if letter < 0xd800 || letter > 0xdfff {
			text.WriteRune(letter)
		}
	}
	return text.String()
}

func anyBytes(random *rand.Rand) []byte {
	bytes := make([]byte, random.IntN(50))
	for i := range bytes {
		bytes[i] = byte(random.Uint32())
	}
	return bytes
}

// The entities of a program come through in every direction.
func TestEntities(t *testing.T) {
	t.Parallel()
	set, err := table.Set()
	if err != nil {
		t.Fatal(err)
	}
	const query = "SELECT application, id, state, attributes, locals, definition, last_changed, last_written, coalesce(removed, -1) FROM entities ORDER BY id"
	read := func(database anyengine.Database) (rows []string) {
		database.With(t, func(session engine.Session) error {
			return engine.Each(t.Context(), session, query, nil, func(scan func(...any) error) error {
				var application, id, state, attributes, locals string
				var numbers [4]int64
				err := scan(&application, &id, &state, &attributes, &locals, &numbers[0], &numbers[1], &numbers[2], &numbers[3])
				rows = append(rows, fmt.Sprint(application, id, state, attributes, locals, numbers))
				return err
			})
		})
		return rows
	}
	for _, from := range anyengine.Engines() {
		source := prepared(t, from, set)
		source.With(t, func(session engine.Session) error { return entities(t, session, 10500) })
		want := read(source)
		for _, to := range anyengine.Engines() {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				t.Parallel()
				target := anyengine.New(t, to)
				move(t, source, target, set)
				if got := read(target); !cmp.Equal(want, got) || len(got) != 10500 {
					t.Errorf("%d and %d rows", len(want), len(got))
				}
				opened, err := table.Open(t.Context(), physical(t, target), table.Application{ID: "porch"}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := opened.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Documents of which the value counts are equal to the server in whatever way it writes them.
func TestDocumentsByValue(t *testing.T) {
	t.Parallel()
	documents := []string{
		`[1e2000, -0.0, 10e-1, 1.50, 1E+2, 0e5, -12.50e-3, 123456789012345678901234567890]`, `{"b": 1, "a": {"é": "\u00e9", "b": 1}, "a": 2}`,
		"\"\\ud83d\\ude42 \\/ <&> \u2028\"", `true`, "[]", "{}", ` null `,
	}
	source := prepared(t, engine.SQLite, sample(t))
	source.With(t, func(session engine.Session) error {
		for i, document := range documents {
			exec(t, session, "INSERT INTO notes (name, place, loose) VALUES ('document', ?, ?)", i, document)
		}
		return nil
	})
	first, second := anyengine.New(t, engine.Postgres), anyengine.New(t, engine.MySQL)
	move(t, source, first, sample(t))
	move(t, first, second, sample(t))
	first.With(t, func(session engine.Session) error {
		for i, document := range documents {
			var same bool
			if err := session.QueryRow(t.Context(), "SELECT loose = CAST(? AS jsonb) FROM notes WHERE place = ?", document, i).Scan(&same); err != nil || !same {
				t.Errorf("%s: %v", document, err)
			}
		}
		return nil
	})
}

// Long values go over, and those that no packet of the server holds are refused.
func TestLongValues(t *testing.T) {
	t.Parallel()
	const long = "INSERT INTO notes (name, place, body, picture) VALUES ('long', 1, hex(randomblob(3000000)), randomblob(1000000))"
	source := with(t, engine.SQLite, long)
	last := source
	for _, kind := range []engine.Kind{engine.MySQL, engine.Postgres, engine.SQLite} {
		next := anyengine.New(t, kind)
		move(t, last, next, sample(t))
		last = next
	}
	if !cmp.Equal(contentsOf(t, source), contentsOf(t, last)) {
		t.Error("they differ")
	}
	source = with(t, engine.SQLite, "INSERT INTO notes (name, place, body) VALUES ('too long', 1, hex(zeroblob(9000000)))")
	target := anyengine.New(t, engine.MySQL)
	report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: sample(t)})
	if _, bad := errors.AsType[*tables.BadValuesError](err); !bad || len(report.BadValues) != 1 || report.BadValues[0].Class != tables.ClassTooLong {
		t.Errorf("%+v %v", report.BadValues, err)
	}
	untouched(t, target)
}

// The source is read in one state, whatever is written to it meanwhile.
func TestSourceThatIsWrittenTo(t *testing.T) {
	t.Parallel()
	set := sample(t)
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		source, target := prepared(t, kind, set), anyengine.New(t, engine.SQLite)
		source.With(t, func(session engine.Session) error { return fillMuch(t, session) })
		writer, err := source.OpenDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		written := 0
		// The number of authors and that of books grow together.
		write := func() {
			err := writer.Transact(t.Context(), func(tx engine.Tx) error {
				if _, err := tx.Exec(t.Context(), "INSERT INTO authors (author_id, name) VALUES (?, ?)", written+1, fmt.Sprint("author ", written)); err != nil {
					return err
				}
				_, err := tx.Exec(t.Context(), "INSERT INTO books (book_id, author_id, title) VALUES (?, ?, 'x')", written+1, written+1)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			written++
		}
		write()
		report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: set, Progress: func(tables.Progress) {
			if written >= 200 {
				return
			}
			write()
			if kind == engine.SQLite { // which brings what was written into the file itself
				if _, err := writer.Exec(t.Context(), "PRAGMA wal_checkpoint"); err != nil {
					t.Error(err)
				}
			}
		}})
		if err := errors.Join(err, writer.Close()); err != nil {
			t.Fatal(err)
		}
		if len(report.Warnings) == 0 && kind != engine.SQLite { // whose connections of one process are not told apart
			t.Errorf("%+v", report)
		}
		target.With(t, func(session engine.Session) error {
			var authors, books int
			err := session.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM authors), (SELECT count(*) FROM books)").Scan(&authors, &books)
			if authors != books || authors == 0 || authors >= written {
				t.Errorf("%d authors, %d books of %d that were written", authors, books, written)
			}
			return err
		})
	})
}
