package doctor

import (
	"context"
	"fmt"
	"io"

	"github.com/synapsedb/synapse/doctor/data"
	"github.com/synapsedb/synapse/doctor/finding"
)

// Repair is a script that deletes rows of one database.
type Repair struct {
	Database string `json:"database"`
	// Rows is how many it deletes.
	Rows int `json:"rows"`
}

// Repairable reports whether a report has a finding for which WriteRepairs writes a script.
func (r *Report) Repairable() bool {
	for i := range r.Findings {
		if r.Findings[i].ID == data.DuplicateKeys || r.Findings[i].ID == data.EventIDTwice {
			return true
		}
	}
	return false
}

// WriteRepairs looks at all databases again, and writes for each that holds keys more than once a script of SQL that deletes all copies but
// the newest. It changes nothing itself. create is asked where to write the script of a database.
func WriteRepairs(ctx context.Context, options Options, create func(database string) (io.WriteCloser, error)) ([]Repair, error) {
	e := newExamination(options)
	defer e.close()
	var repairs []Repair
	for _, database := range options.Databases {
		subject, err := e.subject(ctx, database, true)
		if err != nil {
			return repairs, fmt.Errorf("%s: %w", database.Label, err)
		}
		e.subjects = append(e.subjects, subject)
		rows, err := writeRepair(ctx, subject, create)
		if err != nil {
			return repairs, fmt.Errorf("%s: %w", database.Label, err)
		}
		if rows > 0 {
			repairs = append(repairs, Repair{Database: database.Label, Rows: rows})
		}
	}
	return repairs, nil
}

func writeRepair(ctx context.Context, subject *finding.Subject, create func(database string) (io.WriteCloser, error)) (rows int, err error) {
	var file io.WriteCloser
	rows, err = data.WriteRepair(ctx, subject, func() (io.Writer, error) {
		file, err = create(subject.Label)
		return file, err
	})
	if file != nil {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	return rows, err
}
