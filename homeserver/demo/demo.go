package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/synapsedb/synapse/engine"
)

// DefaultServerName is the server of a demo whose options name none.
const DefaultServerName = "demo.example.com"

// Options say what to generate. The zero value is a server without an event.
type Options struct {
	// Events is how many ordinary events there are. Difficulties come on top, but
	// a database of 0 events has no event at all.
	Events int
	// Seed decides everything random: the same options make the same rows.
	Seed int64
	// ServerName is the domain of the local users; DefaultServerName if empty.
	ServerName string
	// Plain leaves out the difficulties: values that are right and that programs
	// nevertheless stumble over.
	Plain bool
	// BadValues adds values that SQLite takes and PostgreSQL does not. The report
	// lists them.
	BadValues bool
	// WAL leaves the database in journal mode WAL, as servers do, instead of DELETE.
	// No -wal file is left.
	WAL bool
	// Progress is told from time to time how many of the ordinary events there are.
	Progress func(events int)
}

// Report says what was generated.
type Report struct {
	// Path is the file.
	Path string `json:"path"`
	// Bytes is its size.
	Bytes int64 `json:"bytes"`
	// Events counts all events, those of the difficulties included.
	Events int64 `json:"events"`
	// Rows counts the rows of all tables, without bookkeeping and seed rows.
	Rows int64 `json:"rows"`
	// BadValues lists what PostgreSQL will not take.
	BadValues []BadValue `json:"bad_values,omitempty"`
}

// BadValue is a value, or a whole row, that PostgreSQL does not take as it is.
type BadValue struct {
	Table string `json:"table"`
	// Key identifies the row: column names and values.
	Key map[string]any `json:"key"`
	// Column is empty when the row as a whole is bad.
	Column string `json:"column,omitempty"`
	Kind   Kind   `json:"kind"`
}

// Generate makes a new database at path with the homeserver schema and a server's
// rows. It works in a file beside it and gives it its name when it is complete, so
// that no error, and no crash, leaves half a database there. A path that exists is
// refused with fs.ErrExist.
func Generate(ctx context.Context, path string, options Options) (*Report, error) {
	if err := options.complete(); err != nil {
		return nil, wrong(path, err, "")
	}
	if err := mustBeFree(path); err != nil {
		return nil, err
	}
	unfinished, err := newUnfinished(path)
	if err != nil {
		return nil, wrong(path, err, "")
	}
	report, err := fill(ctx, unfinished.path, options)
	if err == nil {
		err = unfinished.finish(path)
	}
	if err != nil {
		return nil, errors.Join(wrong(path, err, ""), unfinished.remove())
	}
	return report.measured(path)
}

var errNegative = errors.New("the number of events is negative")

// serverNames are those of the Matrix specification.
const serverNames = `^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`

func (o *Options) complete() error {
	if o.ServerName == "" {
		o.ServerName = DefaultServerName
	}
	if o.Events < 0 {
		return errNegative
	}
	if !regexp.MustCompile(serverNames).MatchString(o.ServerName) || len(o.ServerName) > 230 {
		return fmt.Errorf("%q is no server name", o.ServerName)
	}
	return nil
}

func (r *Report) measured(path string) (*Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, wrong(path, err, "")
	}
	r.Path, r.Bytes = path, info.Size()
	return r, nil
}

func mustBeFree(path string) error {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fs.ErrExist
	}
	return wrong(path, err, "give the name of a new file, or delete this one first")
}

func wrong(path string, err error, hint string) error {
	return &engine.Error{Op: "generate the demo database", Object: path, Err: err, Hint: hint}
}
