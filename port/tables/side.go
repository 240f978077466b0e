package tables

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// side is one of the two databases, open.
type side struct {
	dialect

	database synapse.Database
	session  engine.Session // nil for a file that is not there yet
	// immutable says that a file is read as one that nobody writes to, without a lock.
	immutable bool
	state     *schema.State
	tables    map[string]*table // those of the set
	triggers  []string
	virtual   []string // tables of SQLite's modules
	// sequences belong to no column.
	sequences []string
}

// openSide opens a session that only looks.
func openSide(ctx context.Context, database synapse.Database, log *slog.Logger) (*side, error) {
	how, err := dialectOf(database.Engine)
	if err != nil {
		return nil, err
	}
	s := &side{dialect: how, database: database, state: &schema.State{}}
	opened := database.ReadOnly()
	s.immutable = database.Engine == engine.SQLite && strings.Contains(opened.SQLite.Database, "immutable=1")
	s.session, err = opened.OpenSession(ctx, log)
	return s, err
}

func (s *side) close() error {
	if s == nil || s.session == nil {
		return nil
	}
	return s.session.Close()
}

func (s *side) report() Side {
	if s.session == nil {
		return Side{Database: s.database.SQLite.Database, Engine: s.database.Engine}
	}
	return Side{Database: s.session.Name(), Engine: s.database.Engine}
}

// missing reports whether a side is a file that is not there.
func missing(database synapse.Database) bool {
	path := database.SQLite.Path()
	if database.Engine != engine.SQLite || path == "" {
		return false
	}
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

// look reads what the database says of itself.
func (s *side) look(ctx context.Context) (err error) {
	s.state, err = schema.ReadState(ctx, s.session)
	return err
}

// describe reads the tables from a session, which is the side's own or a rehearsal's.
func (s *side) describe(ctx context.Context, session engine.Session) error {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return fmt.Errorf("read the catalog of %s: %w", session.Name(), err)
	}
	var names []string
	for _, found := range catalog.Tables {
		if !slices.Contains(schema.BookkeepingTables(), found.Name) {
			names = append(names, found.Name)
		}
	}
	for _, object := range catalog.Objects {
		switch {
		case object.Type == "definition" && strings.HasPrefix(strings.ToUpper(object.Definition), "CREATE VIRTUAL"):
			s.virtual = append(s.virtual, object.Name)
		case object.Type == "trigger":
			s.triggers = append(s.triggers, object.Name)
		case object.Type == "sequence" && object.Table == "":
			s.sequences = append(s.sequences, object.Name)
		}
	}
	if s.tables, err = s.dialect.describe(ctx, session, names); err != nil {
		return fmt.Errorf("read the tables of %s: %w", session.Name(), err)
	}
	return nil
}

// What is certainly too long for an engine, in bytes. PostgreSQL takes 1 GB of a value as it is sent, of which bytes are twice as long; SQLite a
// billion in a row.
const (
	mostOfPostgres = 500_000_000
	mostOfSQLite   = 999_000_000
	packetHeader   = 1024
)

// mostBytes is how long the values of a row may be together.
func (s *side) mostBytes(ctx context.Context, session engine.Session) (most int, err error) {
	switch s.database.Engine {
	case engine.Postgres:
		return mostOfPostgres, nil
	case engine.MySQL:
		err = session.QueryRow(ctx, "SELECT @@max_allowed_packet").Scan(&most)
		return most - packetHeader, err
	case engine.SQLite:
	}
	return mostOfSQLite, nil
}
