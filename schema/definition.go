package schema

import (
	"context"
	"io/fs"

	"github.com/synapsedb/synapse/engine"
)

// Common is the logical database whose files go to every physical one. It is never listed.
const Common = "common"

// Definition is what a program says of its schema. New makes a Set of it.
type Definition struct {
	// Name tells this schema's databases from all others; it is kept in each of them. Letters, digits, "-" and "_";
	// by own rules neither "upstream" nor "unknown", which stand for owners that are no sets.
	Name string

	// Version is the schema that this code expects, a number that only grows. Increase it with every change of the
	// schema, and with every change of what the code expects of the data.
	Version int

	// CompatVersion is the oldest Version whose code still works with the database after this code has used it.
	// Increase it when a delta breaks older code.
	CompatVersion int

	// Engines are those that the set has files for.
	Engines []engine.Kind

	// Databases are the logical databases, in the order in which they are created. Empty: every folder of Files but common.
	Databases []string

	// Files holds DATABASE/full_schemas/VERSION/full.sql.ENGINE and
	// DATABASE/delta/VERSION/NNname.sql[.sqlite|.postgres|.mysql].
	Files fs.FS

	// GoDeltas are the steps of an upgrade that are code.
	GoDeltas []GoDelta

	// RequiredUpdates are background updates that must be done before this code works with a database. Keep them listed
	// in later releases: a database may skip some.
	RequiredUpdates []RequiredUpdate

	// CheckDatabase looks at an existing database before anything is written, and refuses it by an error. It only
	// reads. May be nil.
	CheckDatabase func(ctx context.Context, database engine.Querier, logical []string, config any) error

	// CheckServer looks at the server of a database, also of an empty one, before anything else, and refuses it by an
	// error. It only reads. May be nil.
	CheckServer func(ctx context.Context, database engine.Querier, config any) error

	// Rules are those of this package, unless the set describes the databases of the Python homeserver.
	Rules Rules
}

// Rules say by which rules files are chosen and recorded.
type Rules int

const (
	// Own rules: file names are checked, a marker names the set, checksums are kept, and a delta that arrives late for
	// an older version is applied.
	Own Rules = iota
	// Upstream rules: no marker and no checksums; only deltas of the database's version and later are looked at; files
	// with other names are skipped; what is common/schema_version.sql makes the bookkeeping tables.
	Upstream
)

// GoDelta is one step of an upgrade that is code. At least one of its functions is set.
type GoDelta struct {
	// Database is the logical database it belongs to; it runs in the physical one that holds that.
	Database string
	Version  int
	// Name gives it its place among the files of its version, such as "03fill_names.go". It is recorded as
	// "VERSION/NAME".
	Name string
	// Create runs on new and on existing databases.
	Create func(ctx context.Context, tx engine.Tx) error
	// Upgrade runs after Create, on existing databases only. config is Options.Config.
	Upgrade func(ctx context.Context, tx engine.Tx, config any) error
	// KeysUnchecked has SQLite check foreign keys at the end only, which rewriting a table needs.
	KeysUnchecked bool
}
