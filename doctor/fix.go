package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/schema"
)

// UnknownFixError says that there is no fix of an ID.
type UnknownFixError struct {
	ID    string
	Known []string
}

func (e *UnknownFixError) Error() string {
	return fmt.Sprintf("there is no fix %q; there are %s", e.ID, strings.Join(e.Known, ", "))
}

// FixPlan is what a fix would do to one database.
type FixPlan struct {
	Database   string   `json:"database"`
	ID         string   `json:"id"`
	Statements []string `json:"statements"`
}

// FixIDs are those of all fixes.
func FixIDs() []string {
	ids := []string{}
	for _, fix := range fixes() {
		ids = append(ids, fix.ID)
	}
	return ids
}

// PlanFix says what a fix would do to each database, without writing anything. Databases to which it would do nothing are left out.
func PlanFix(ctx context.Context, options Options, id string) ([]FixPlan, error) {
	plans := []FixPlan{}
	err := eachToFix(ctx, options, id, true, func(subject *finding.Subject, fix finding.Fix) error {
		statements, err := fix.Plan(ctx, subject)
		if err == nil && len(statements) > 0 {
			plans = append(plans, FixPlan{Database: subject.Label, ID: id, Statements: statements})
		}
		return err
	})
	return plans, err
}

// ApplyFix applies a fix to each database that needs it. Beside other sessions it refuses with *schema.SessionsError,
// unless stopped says that the homeserver is not among them.
func ApplyFix(ctx context.Context, options Options, id string, stopped bool) error {
	return eachToFix(ctx, options, id, false, func(subject *finding.Subject, fix finding.Fix) error {
		statements, err := fix.Plan(ctx, subject)
		if err != nil || len(statements) == 0 {
			return err
		}
		if others, err := subject.Session.OtherSessions(ctx); err != nil || len(others) > 0 && !stopped {
			return errors.Join(err, &schema.SessionsError{Database: subject.Session.Name(), Sessions: others})
		}
		return fix.Apply(ctx, subject)
	})
}

func eachToFix(ctx context.Context, options Options, id string, look bool, work func(*finding.Subject, finding.Fix) error) error {
	all := fixes()
	index := slices.IndexFunc(all, func(fix finding.Fix) bool { return fix.ID == id })
	if index < 0 {
		return &UnknownFixError{ID: id, Known: FixIDs()}
	}
	e := newExamination(options)
	defer e.close()
	for _, database := range options.Databases {
		subject, err := e.subject(ctx, database, look)
		if err != nil {
			return fmt.Errorf("%s: %w", database.Label, err)
		}
		e.subjects = append(e.subjects, subject)
	}
	e.introduce()
	for _, subject := range e.subjects {
		if err := work(subject, all[index]); err != nil {
			return fmt.Errorf("%s: %w", subject.Label, err)
		}
	}
	return nil
}
