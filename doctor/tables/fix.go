package tables

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
)

// plan gives the statements that build what is missing. On PostgreSQL they come from a scratch schema.
func plan(ctx context.Context, subject *finding.Subject) ([]string, error) {
	state, current, err := inspect(ctx, subject)
	if err != nil || !current {
		return nil, err
	}
	wanted, err := expect(ctx, subject, subject.Engine, state.Updates)
	if err != nil {
		return nil, err
	}
	actual, err := describe(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	var statements []string
	for _, one := range compare(wanted, actual) {
		if one.build != "" {
			statements = append(statements, one.build+";")
		}
	}
	return statements, nil
}

// apply builds one index after the other: what can run beside a homeserver cannot be in one transaction. Each is whole or not
// there, and what was built stays. Another process that does the same waits, and finds it done.
func apply(ctx context.Context, subject *finding.Subject) (err error) {
	unlock, err := subject.Session.LockSchema(ctx, func(string) {})
	if err != nil {
		return fmt.Errorf("wait for the schema lock of %s: %w", subject.Session.Name(), err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	statements, err := plan(ctx, subject)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if err := subject.Session.ExecAlone(ctx, strings.TrimSuffix(statement, ";")); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	left, err := plan(ctx, subject)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("these indexes are still missing: %s", strings.Join(left, " "))
	}
	return err
}
