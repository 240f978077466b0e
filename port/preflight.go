package port

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
)

// preflight does every check that can be done before the data is read, and lists all that fail.
func (m *move) preflight(ctx context.Context) error {
	m.options.Progress.enter(PhasePreflight)
	var problems []Problem
	var opening sync.WaitGroup
	opening.Go(func() { m.source, problems = openSource(ctx, m.options) })
	m.openTargets(ctx)
	opening.Wait()
	for _, r := range m.runs {
		r.source = m.source
	}
	if len(problems) == 0 {
		if err := m.prepare(ctx); err != nil {
			return err
		}
	}
	for i, r := range m.runs {
		if err := m.pair(ctx, r, m.runs[len(m.runs)-1-i].target); err != nil {
			return r.named(err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range m.runs {
		problems = append(problems, r.namedProblems(append(r.problems, r.openAside()...))...)
	}
	if len(problems) > 0 {
		return m.refuse(problems)
	}
	for _, r := range m.runs {
		r.report.describe(r)
	}
	return nil
}

// openTargets connects to all before any is read, so that each counts the connections of the others.
func (m *move) openTargets(ctx context.Context) {
	for _, r := range m.runs {
		r.target, r.problems = connectTarget(ctx, r.options.Target, r.part)
	}
	if problem := m.compareTargets(ctx); problem != nil {
		last := m.runs[len(m.runs)-1]
		last.target.close()
		last.target, last.problems = nil, []Problem{*problem}
	}
	for _, r := range m.runs {
		if r.target != nil {
			r.target, r.problems = r.target.examine(ctx)
		}
	}
}

// compareTargets looks whether both targets are one database, also by different names or in different schemas of it.
func (m *move) compareTargets(ctx context.Context) *Problem {
	if len(m.runs) == 1 || m.runs[0].target == nil || m.runs[1].target == nil {
		return nil
	}
	same, err := sameDatabase(ctx, m.runs[0].target.conn, m.runs[1].target.conn)
	switch {
	case err != nil:
		return &Problem{ID: "target_unreadable", What: err.Error()}
	case same:
		return new(oneDatabase(m.options.State))
	}
	return nil
}

func oneDatabase(state *postgres.Config) Problem {
	return Problem{
		ID: "target_same", What: "the databases of main and of state are one and the same: " + state.Describe(),
		Hint: "make a database for state: CREATE DATABASE name ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0;\n" +
			"or let one database hold both: a section `database`, or `data_stores` with main and state",
	}
}

// sameDatabase asks by a lock, which belongs to a database: addresses can differ and lead to the same one.
func sameDatabase(ctx context.Context, one, other *pgx.Conn) (same bool, err error) {
	key := randomNumber()
	err = pgx.BeginFunc(ctx, one, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", key); err != nil {
			return err
		}
		free := false
		err := other.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", key).Scan(&free)
		same = !free
		return err
	})
	if err != nil {
		return false, fmt.Errorf("compare the databases of main and of state: %w", err)
	}
	return same, nil
}

// pair adds what does not fit between the source and a target to the target's problems.
func (m *move) pair(ctx context.Context, r *run, other *target) error {
	if m.source == nil || r.target == nil {
		return nil
	}
	if other == r.target {
		other = nil
	}
	problems, err := r.compare(ctx, other)
	r.problems = append(r.problems, problems...)
	return err
}

// openAside makes the file of rows set aside, and names that of an earlier port which could not do so itself.
func (r *run) openAside() []Problem {
	if r.options.Check {
		return nil
	}
	if r.target != nil && r.target.earlier != nil && r.target.earlier.stage == stageComplete {
		r.report.noteClose(r.aside.recover(r.target.earlier.aside))
	}
	if r.options.OnBadValue == Repair {
		return r.aside.open()
	}
	return nil
}

// compare checks that the two sides belong together, and makes the plan. other is the other target; nil when there is none, or
// when it could not be read.
func (r *run) compare(ctx context.Context, other *target) ([]Problem, error) {
	var problems []Problem
	if r.source.set != r.target.set {
		return append(problems, Problem{
			ID: "different_schema",
			What: fmt.Sprintf("the source belongs to the schema %q, the target to %q: rows of one do not go into the tables of the other",
				r.source.set, r.target.set),
			Hint: "prepare the target with the program that made the source",
		}), nil
	}
	if r.source.version != r.target.version {
		problems = append(problems, versionProblem(r.source.version, r.target.version))
	}
	plan, more, err := makePlan(ctx, r.source, r.target, other)
	if err != nil {
		return nil, err
	}
	r.plan = plan
	if err := r.choose(); err != nil {
		return nil, err
	}
	if r.source.version != r.target.version {
		more = slices.DeleteFunc(more, followsFromVersion)
	}
	problems = append(problems, more...)
	return append(problems, r.unknownSequences()...), nil
}

// followsFromVersion tells what two versions of a schema differ in from what is a problem of its own.
func followsFromVersion(problem Problem) bool {
	return slices.Contains([]string{"table_only_in_source", "column_only_in_source", "column_only_in_target"}, problem.ID)
}

func versionProblem(source, target int64) Problem {
	hint := "start the homeserver once on the SQLite database with the version that prepared the target, " +
		"let its background updates finish, stop it, and port again"
	if source > target {
		hint = "prepare the target again, with the version of the homeserver that last used the source"
	}
	return Problem{
		ID:   "schema_version",
		What: fmt.Sprintf("the source has schema version %d, the target has %d; tables and columns that differ are not listed", source, target),
		Hint: hint,
	}
}
