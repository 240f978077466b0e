package dump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/synapsedb/synapse/entity/table"
)

// FormatError says what is wrong with a file, and where.
type FormatError struct {
	// Line counts from 1.
	Line int
	Err  error
}

// Error says that nothing of the file is used.
func (e *FormatError) Error() string {
	return fmt.Sprintf("line %d: %v; nothing of the file was taken", e.Line, e.Err)
}

// Unwrap gives the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Read reads and checks a whole file. The errors are *FormatError and the reader's.
func Read(from io.Reader) ([]Application, error) {
	reading := &reading{}
	lines := bufio.NewReader(from)
	for {
		text, err := lines.ReadBytes('\n')
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, err
		}
		if ended && len(text) == 0 {
			return reading.finish()
		}
		reading.line++
		if err := reading.take(text, ended); err != nil {
			return nil, &FormatError{Line: reading.line, Err: err}
		}
	}
}

// reading is a file that is being read.
type reading struct {
	line int
	all  []Application
	// ids are those of the last application's rows, and places those of its damaged rows.
	ids    map[string]bool
	places map[place]bool
	known  map[string]bool // applications
	read   counts
	ended  bool
}

// place is what tells damaged rows apart.
type place struct {
	id    string
	found int64
}

var (
	errCut      = errors.New("the file ends here, and is not complete")
	errBehind   = errors.New("something stands behind the end")
	errUnplaced = errors.New("an entity stands before its application")
	errTwice    = errors.New("it is there twice")
	errNothing  = errors.New("it is neither an application nor an entity nor the end")
)

func (r *reading) finish() ([]Application, error) {
	if !r.ended {
		return nil, &FormatError{Line: r.line + 1, Err: errCut}
	}
	return r.all, nil
}

// take takes one line; cut says that it has no line break.
func (r *reading) take(text []byte, cut bool) error {
	if cut {
		return errCut
	}
	if r.ended {
		return errBehind
	}
	var one line
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if r.line == 1 {
		return checkFirst(text)
	}
	if err := decoder.Decode(&one); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if decoder.More() {
		return errors.New("there is more than one value in it")
	}
	switch {
	case one.Application != nil:
		return r.application(&one)
	case one.ID != nil:
		return r.entity(&one)
	case one.End != nil:
		return r.end(*one.End)
	}
	return errNothing
}

// checkFirst does not care for fields that a newer version may have.
func checkFirst(text []byte) error {
	var first line
	if err := json.Unmarshal(text, &first); err != nil || first.Format != formatName {
		return errors.New("it is no export of entities")
	}
	if first.Version != formatVersion {
		return fmt.Errorf("the file is of version %d, and this program reads version %d; use the newer one", first.Version, formatVersion)
	}
	return nil
}

func (r *reading) application(one *line) error {
	id := *one.Application
	if err := table.CheckID(id); err != nil {
		return err
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	if r.known[id] {
		return fmt.Errorf("application %q: %w", id, errTwice)
	}
	r.known[id], r.ids, r.places = true, map[string]bool{}, map[place]bool{}
	r.all = append(r.all, Application{Application: table.Application{ID: id, Name: one.Name}})
	r.read.Applications++
	return nil
}

func (r *reading) entity(one *line) error {
	if len(r.all) == 0 {
		return errUnplaced
	}
	row, err := one.row()
	if err != nil {
		return fmt.Errorf("entity %q: %w", *one.ID, err)
	}
	application := &r.all[len(r.all)-1]
	if one.Found == nil {
		if r.ids[row.ID] {
			return fmt.Errorf("entity %q: %w", row.ID, errTwice)
		}
		r.ids[row.ID] = true
		application.Rows = append(application.Rows, *row)
		r.read.Entities++
		return nil
	}
	key := place{row.ID, one.Found.UnixMicro()}
	if r.places[key] {
		return fmt.Errorf("damaged entity %q: %w", row.ID, errTwice)
	}
	r.places[key] = true
	application.Damaged = append(application.Damaged, table.Damaged{Row: *row, Found: one.Found.UTC(), Problem: one.Problem})
	r.read.Damaged++
	return nil
}

func (l *line) row() (*table.Row, error) {
	if err := table.CheckID(*l.ID); err != nil {
		return nil, err
	}
	if l.LastChanged == nil || l.LastWritten == nil {
		return nil, errors.New("last_changed or last_written is missing")
	}
	row := &table.Row{ID: *l.ID, Definition: l.Definition, LastChanged: l.LastChanged.UTC(), LastWritten: l.LastWritten.UTC(), Removed: orZero(l.Removed)}
	for _, part := range []struct {
		name  string
		json  json.RawMessage
		bytes *[]byte
		into  *[]byte
	}{
		{"state", l.State, l.StateBytes, &row.State},
		{"attributes", l.Attributes, l.AttributesBytes, &row.Attributes},
		{"locals", l.Locals, l.LocalsBytes, &row.Locals},
	} {
		switch {
		case (part.json == nil) == (part.bytes == nil):
			return nil, fmt.Errorf("either %s or %s_base64 has to be there", part.name, part.name)
		case part.json != nil:
			*part.into = part.json
		default:
			*part.into = *part.bytes
		}
	}
	return row, nil
}

func orZero(moment *time.Time) time.Time {
	if moment == nil {
		return time.Time{}
	}
	return moment.UTC()
}

func (r *reading) end(told counts) error {
	if told != r.read {
		return fmt.Errorf("the file says that it has %d applications, %d entities and %d damaged ones, and it has %d, %d and %d",
			told.Applications, told.Entities, told.Damaged, r.read.Applications, r.read.Entities, r.read.Damaged)
	}
	r.ended = true
	return nil
}
