package back

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/schema"
)

// Source is a physical PostgreSQL database of the homeserver.
type Source struct {
	// Label is its name in messages, such as "master".
	Label  string
	Config *postgres.Config
	// Logical are the logical databases that it holds; nil means all of the set.
	Logical []string
}

// Options say what to move and where.
type Options struct {
	// Sources are all physical databases of the homeserver; they become one file.
	Sources []Source

	// Destination is the path of the file to make. There must be none.
	Destination string

	// Set is the schema that the sources belong to, of the same version: upstream's, or that of package homeserver.
	Set *schema.Set

	ServerName string // of the homeserver, to compare with the users of the source; "" to not compare

	SessionsKnown bool // go on although others are connected to a source
	Check         bool // do all the checks, write nothing
	NoVerify      bool // leave out the comparison of both sides at the end

	Progress *Progress    // is kept up to date; may be nil
	Log      *slog.Logger // may be nil
}

// withDefaults returns the options with what was left out filled in. The database that holds main comes first: a server makes a
// state group before the event that refers to it, so that a snapshot of state that is taken later has all that main needs.
func (o Options) withDefaults() (Options, error) {
	if len(o.Sources) == 0 || o.Destination == "" || o.Set == nil {
		return o, errors.New("a source, a destination and a schema set are needed")
	}
	path, err := filepath.Abs(o.Destination)
	if err != nil {
		return o, err
	}
	o.Destination = path
	o.Sources = slices.Clone(o.Sources)
	for i := range o.Sources {
		if o.Sources[i].Logical == nil {
			o.Sources[i].Logical = o.Set.Databases()
		}
	}
	slices.SortStableFunc(o.Sources, func(a, b Source) int { return b.rank() - a.rank() })
	if o.Progress == nil {
		o.Progress = NewProgress()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func (s Source) rank() int {
	if slices.Contains(s.Logical, "main") {
		return 1
	}
	return 0
}
