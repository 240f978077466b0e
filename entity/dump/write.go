package dump

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/synapsedb/synapse/entity/table"
)

const (
	// formatName is what the first line says.
	formatName = "synapse entities"
	// formatVersion grows when a reader of before could not read what is written.
	formatVersion = 1
)

// Application is what there is of one application.
type Application struct {
	table.Application

	Rows    []table.Row
	Damaged []table.Damaged
}

// line is any line of a file: its fields say which.
type line struct {
	Format  string `json:"format,omitempty"`
	Version int    `json:"version,omitempty"`

	Application *string `json:"application,omitempty"`
	Name        string  `json:"name,omitempty"`

	ID              *string         `json:"id,omitempty"`
	Found           *time.Time      `json:"found,omitempty"` // of a damaged row
	Problem         string          `json:"problem,omitempty"`
	State           json.RawMessage `json:"state,omitempty"`
	StateBytes      *[]byte         `json:"state_base64,omitempty"`
	Attributes      json.RawMessage `json:"attributes,omitempty"`
	AttributesBytes *[]byte         `json:"attributes_base64,omitempty"`
	Locals          json.RawMessage `json:"locals,omitempty"`
	LocalsBytes     *[]byte         `json:"locals_base64,omitempty"`
	Definition      int64           `json:"definition,omitempty"`
	LastChanged     *time.Time      `json:"last_changed,omitempty"`
	LastWritten     *time.Time      `json:"last_written,omitempty"`
	Removed         *time.Time      `json:"removed,omitempty"`

	End *counts `json:"end,omitempty"`
}

// counts are in the last line, so that a file that was cut off is known.
type counts struct {
	Applications int `json:"applications"`
	Entities     int `json:"entities"`
	Damaged      int `json:"damaged"`
}

// Write writes applications, in the order in which they and their rows are given: the same rows make the same file. The
// errors are the writer's, and of times after the year 9999.
func Write(to io.Writer, applications []Application) error {
	buffered := bufio.NewWriter(to)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line{Format: formatName, Version: formatVersion}); err != nil {
		return err
	}
	end := counts{Applications: len(applications)}
	for _, application := range applications {
		if err := application.write(encoder); err != nil {
			return fmt.Errorf("write the application %s: %w", application.ID, err)
		}
		end.Entities += len(application.Rows)
		end.Damaged += len(application.Damaged)
	}
	if err := encoder.Encode(line{End: &end}); err != nil {
		return err
	}
	return buffered.Flush()
}

func (a *Application) write(encoder *json.Encoder) error {
	if err := encoder.Encode(line{Application: &a.ID, Name: a.Name}); err != nil {
		return err
	}
	for i := range a.Rows {
		one := entityLine(&a.Rows[i])
		if removed := a.Rows[i].Removed; !removed.IsZero() {
			one.Removed = utc(removed)
		}
		if err := encoder.Encode(one); err != nil {
			return fmt.Errorf("entity %s: %w", *one.ID, err)
		}
	}
	for i := range a.Damaged {
		one := entityLine(&a.Damaged[i].Row)
		one.Found, one.Problem = utc(a.Damaged[i].Found), a.Damaged[i].Problem
		if err := encoder.Encode(one); err != nil {
			return fmt.Errorf("entity %s: %w", *one.ID, err)
		}
	}
	return nil
}

func entityLine(row *table.Row) *line {
	one := &line{ID: &row.ID, Definition: row.Definition, LastChanged: utc(row.LastChanged), LastWritten: utc(row.LastWritten)}
	one.State, one.StateBytes = embed(row.State, "null")
	one.Attributes, one.AttributesBytes = embed(row.Attributes, "null")
	one.Locals, one.LocalsBytes = embed(row.Locals, "{}")
	return one
}

// embed gives JSON where a line can hold it as it is, and bytes otherwise: of what is no JSON, or has white space between
// its tokens, which would be lost. A value that is nil stands for what the database writes then.
func embed(value []byte, none string) (json.RawMessage, *[]byte) {
	if value == nil {
		return json.RawMessage(none), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err == nil && bytes.Equal(compact.Bytes(), value) && utf8.Valid(value) {
		return value, nil
	}
	return nil, &value
}

func utc(moment time.Time) *time.Time {
	moment = moment.UTC()
	return &moment
}
