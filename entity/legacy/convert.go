package legacy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/entity/table"
)

// convert makes rows of what is stored, which is sorted by application.
func convert(found []*stored) []Application {
	var all []Application
	for _, one := range found {
		if len(all) == 0 || all[len(all)-1].ID != one.application {
			all = append(all, Application{
				Application:   table.Application{ID: one.application},
				Configuration: map[string]int{}, Unknown: map[string]int{},
			})
		}
		all[len(all)-1].add(one)
	}
	return all
}

// add takes one entity.
func (a *Application) add(one *stored) {
	if one.name != "" {
		a.Name = one.name
	}
	if err := checkIDs(a.ID, one.id); err != nil {
		a.Refused = append(a.Refused, Refused{ID: one.id, Err: err})
		return
	}
	locals, broken := one.readLocals()
	row := table.Row{ID: one.id, State: []byte(`null`), Attributes: []byte(`{}`), Locals: locals}
	row.LastChanged = a.when(one)
	row.LastWritten = row.LastChanged
	if one.exists {
		taken, err := split(one.state)
		if err != nil {
			row.State = printable(one.state)
			row.Locals = one.allLocals()
			a.Damaged = append(a.Damaged, table.Damaged{Row: row, Problem: strings.Join(append([]string{"state_json: " + err.Error()}, broken...), "; ")})
			return
		}
		row.State, row.Attributes = taken.state, taken.attributes
		a.count(one.id, taken)
	} else {
		a.note(one.id, "it has locals and no state: it was purged, or another application has taken its row")
	}
	if broken != nil {
		aside := row
		aside.Locals = one.allLocals()
		a.Damaged = append(a.Damaged, table.Damaged{Row: aside, Problem: strings.Join(broken, "; ")})
	}
	a.Rows = append(a.Rows, row)
}

func checkIDs(application, id string) error {
	if err := table.CheckID(application); err != nil {
		return fmt.Errorf("its application: %w", err)
	}
	return table.CheckID(id)
}

func (a *Application) count(id string, taken *parts) {
	for _, key := range taken.configuration {
		a.Configuration[key]++
	}
	for _, key := range taken.unknown {
		a.Unknown[key]++
	}
	for _, note := range taken.notes {
		a.note(id, note)
	}
}

func (a *Application) note(id, text string) {
	a.Notes = append(a.Notes, fmt.Sprintf("entity %q: %s", id, text))
}

// readLocals makes an object of those that are JSON, and says what is wrong with the others.
func (s *stored) readLocals() (object []byte, problems []string) {
	values := map[string]json.RawMessage{}
	for _, key := range sortedKeys(s.locals) {
		value, err := compactJSON(s.locals[key])
		if err != nil {
			problems = append(problems, fmt.Sprintf("local %q: %v", key, err))
			continue
		}
		values[key] = value
	}
	return writeObject(values), problems
}

// allLocals are the stored texts, as texts.
func (s *stored) allLocals() []byte {
	values := map[string]json.RawMessage{}
	for key, text := range s.locals {
		values[key] = quote(text)
	}
	return writeObject(values)
}

// layouts are those of a text that JavaScript wrote, and of the engines' own times, all in UTC.
var layouts = []string{time.RFC3339Nano, time.DateTime}

// when is the time at which an entity's row was written, or, where there is none, the last of its locals. The other
// library knows no other: it writes a row whenever anything is assigned.
func (a *Application) when(one *stored) time.Time {
	text := one.modified
	if !one.exists {
		text = one.localModified
	}
	for _, layout := range layouts {
		if moment, err := time.Parse(layout, text); err == nil {
			return moment.UTC().Truncate(time.Microsecond)
		}
	}
	a.note(one.id, "its last_modified is no time, and counts as 1970: "+shorten(text))
	return time.Unix(0, 0).UTC()
}

// printable is a text as every engine can keep it.
func printable(text string) []byte {
	return []byte(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"))
}

// shorten cuts a text for a message.
func shorten(text string) string {
	const most = 60
	letters := []rune(text)
	if len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return text
}

func sortedKeys[V any](values map[string]V) []string { return slices.Sorted(maps.Keys(values)) }
