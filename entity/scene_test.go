package entity_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[writing](writingVariable)
	dbtest.PlayProcess[locking](lockingVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

const application = "f4f75495-8928-4f8d-895b-22fbef47f549"

// climate are attributes with something of everything.
type climate struct {
	Battery float64                              `json:"battery"`
	Room    string                               `json:"room"`
	Tags    []string                             `json:"tags"`
	Link    map[string]int                       `json:"link"`
	Since   *time.Time                           `json:"since"`
	Nested  struct{ Deep []struct{ Value int } } `json:"nested"`
}

// place is a database that is opened again and again.
type place struct {
	database anyengine.Database
	opened   synapse.Database
	log      *logged
}

func newPlace(t *testing.T, kind engine.Kind) *place {
	t.Helper()
	database := anyengine.New(t, kind)
	opened, err := database.Physical()
	if err != nil {
		t.Fatal(err)
	}
	return &place{database: database, opened: opened, log: &logged{}}
}

func (p *place) config(changes ...func(*entity.Config)) entity.Config {
	config := entity.Config{
		Application: application, Name: "house", Database: &p.opened, IgnoreEnvironment: true,
		Log: slog.New(slog.NewTextHandler(p.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	return config
}

// open opens the store for the length of the test, or until it is closed.
func (p *place) open(t *testing.T, changes ...func(*entity.Config)) *entity.Store {
	t.Helper()
	store, err := entity.Open(t.Context(), p.config(changes...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return store
}

// rows are the entities that the database has, by another connection.
func (p *place) rows(t *testing.T) map[string]table.Row {
	t.Helper()
	rows := map[string]table.Row{}
	const query = `SELECT id, state, attributes, locals, definition, last_changed, last_written, COALESCE(removed, 0) FROM entities WHERE application = ?`
	p.database.With(t, func(session engine.Session) error {
		return engine.Each(t.Context(), session, query, []any{application}, func(scan func(...any) error) error {
			var row table.Row
			var changed, written, removed int64
			err := scan(&row.ID, &row.State, &row.Attributes, &row.Locals, &row.Definition, &changed, &written, &removed)
			row.LastChanged, row.LastWritten = time.UnixMicro(changed).UTC(), time.UnixMicro(written).UTC()
			if removed != 0 {
				row.Removed = time.UnixMicro(removed).UTC()
			}
			rows[row.ID] = row
			return err
		})
	})
	return rows
}

func (p *place) damaged(t *testing.T) []table.Damaged {
	t.Helper()
	opened, err := table.Open(t.Context(), p.opened, table.Application{ID: application}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	damaged, err := opened.Damaged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return damaged
}

// exec changes the database behind the store's back.
func (p *place) exec(t *testing.T, statement string, values ...any) {
	t.Helper()
	p.database.With(t, func(session engine.Session) error {
		_, err := session.Exec(t.Context(), statement, values...)
		return err
	})
}

func closed(t *testing.T, store *entity.Store) {
	t.Helper()
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func flush(t *testing.T, store *entity.Store) {
	t.Helper()
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func define[State, Attributes any](t *testing.T, store *entity.Store, definition entity.Definition[State, Attributes]) *entity.Entity[State, Attributes] {
	t.Helper()
	made, err := entity.New(store, definition)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func local[L any](t *testing.T, of entity.Owner, name string, initial L) *entity.Local[L] {
	t.Helper()
	made, err := entity.NewLocal(of, name, initial)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
