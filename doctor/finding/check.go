package finding

import (
	"context"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/schema"
)

// Check looks for findings of some kinds in one physical database. It only reads.
type Check struct {
	// Name is unique, such as "sequences".
	Name string
	// Engines that have the notion; nil means SQLite and PostgreSQL.
	Engines []engine.Kind
	// Deep is true of a check that reads whole tables.
	Deep bool
	// Reads says what it reads, for the docs: "the sequences, and the greatest id of each table behind them".
	Reads string
	// Run returns the findings. An error of the database is reported as the finding "check_failed", or "right_missing" if the
	// role may not read something; the other checks go on.
	Run func(ctx context.Context, subject *Subject) ([]Finding, error)
}

// Fix mends what findings are about whose Remedy names it.
type Fix struct {
	// ID is what is given to --fix.
	ID string
	// Plan says what Apply would do, as the statements that it runs, without writing anything. No statements: nothing is to be done.
	Plan func(ctx context.Context, subject *Subject) (statements []string, err error)
	// Apply does it, all or nothing, and proves it. It is called after Plan, on a session that may write, when no other session uses the
	// database or the operator has said that the homeserver is stopped.
	Apply func(ctx context.Context, subject *Subject) error
}

// Subject is the database that is looked at.
type Subject struct {
	// Label is its name in the configuration.
	Label string
	// Engine is SQLite or Postgres.
	Engine engine.Kind
	// Session is open; it only reads, unless a Fix is applied.
	Session engine.Session
	// Postgres is the configuration of a database there; nil otherwise.
	Postgres *postgres.Config
	// Path of an SQLite database's file; empty otherwise.
	Path string
	// Logical databases that it holds: main, state or both.
	Logical []string
	// Set is the schema set that it belongs to; nil when upstream's files are not known.
	Set *schema.Set
	// Owner is whose database it is.
	Owner schema.Owner
	// ServerName of the homeserver; may be empty.
	ServerName string
	// MediaStore is the folder of the media store; may be empty.
	MediaStore string
	// Deep says that what takes long may be read, too, as by a check that is Deep itself.
	Deep bool
	// Others are the other physical databases of the same homeserver.
	Others []*Subject
}

// Holds reports whether a logical database is there.
func (s *Subject) Holds(logical string) bool {
	return len(s.Logical) == 0 || slices.Contains(s.Logical, logical)
}

// Applies reports whether a check has anything to do with an engine.
func (c Check) Applies(kind engine.Kind) bool {
	return len(c.Engines) == 0 || slices.Contains(c.Engines, kind)
}

// Cut keeps the first pieces of evidence, and says how many more there are.
func Cut(evidence []string) []string {
	if len(evidence) <= MostEvidence {
		return evidence
	}
	return append(slices.Clone(evidence[:MostEvidence]), fmt.Sprintf("and %d more", len(evidence)-MostEvidence))
}
