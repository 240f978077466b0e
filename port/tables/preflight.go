package tables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// preflight looks at both sides and at how they fit. The error is a *RefusedError with everything that hinders.
func (m *move) preflight(ctx context.Context) error {
	problems := m.checkOptions()
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	fromSource, err := m.openSource(ctx)
	if err != nil {
		return err
	}
	fromTarget, err := m.openTarget(ctx)
	if err != nil {
		return err
	}
	problems = append(fromSource, fromTarget...)
	if m.source.tables != nil && m.target.tables != nil {
		pairs, wrong := plan(m.source, m.target)
		m.pairs, problems = pairs, append(problems, wrong...)
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// checkOptions refuses what need not be opened.
func (m *move) checkOptions() (problems []Problem) {
	set, from, to := m.options.Set, m.options.From, m.options.To
	if set.Name() == "homeserver" || set.Name() == "upstream" {
		problems = append(problems, Problem{
			ID: "homeserver", What: "the set " + set.Name() + " is a homeserver's, whose tables mean more than their rows tell",
			Hint: "from SQLite to PostgreSQL: synapse port --sqlite-database FILE --postgres-config FILE\nfrom PostgreSQL to SQLite: synapse port-back",
		})
	}
	for _, one := range []synapse.Database{from, to} {
		if !slices.Contains(set.Engines(), one.Engine) {
			problems = append(problems, Problem{
				ID: "set_engine", What: fmt.Sprintf("the set %s has no files for %s", set.Name(), one.Engine),
				Hint: fmt.Sprintf("it has some for %v; add files for the other engine", set.Engines()),
			})
		}
		if one.Engine == engine.SQLite && one.SQLite.InMemory() {
			problems = append(problems, Problem{ID: "in_memory", What: "a database in memory ends with its program", Hint: "name a file"})
		}
	}
	if from.Engine == engine.SQLite && missing(from) && !from.SQLite.InMemory() {
		problems = append(problems, Problem{
			ID: "source_missing", What: "there is no database at " + from.SQLite.Path(), Hint: "name the file that is to be moved",
		})
	}
	if sameFile(from, to) {
		problems = append(problems, sameProblem())
	}
	return problems
}

func sameProblem() Problem {
	return Problem{ID: "same_database", What: "the source and the target are one database", Hint: "name another target"}
}

func sameFile(from, to synapse.Database) bool {
	if from.Engine != engine.SQLite || to.Engine != engine.SQLite {
		return false
	}
	one, err := os.Stat(from.SQLite.Path())
	other, otherErr := os.Stat(to.SQLite.Path())
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// openSource begins to read the source in one state, and looks whether it is the set's and complete.
func (m *move) openSource(ctx context.Context) (problems []Problem, err error) {
	m.source, err = openSide(ctx, m.options.From, m.options.Log)
	if err != nil {
		return unreachable(ctx, "source_unreachable", err)
	}
	s := m.source
	m.report.Source = s.report()
	if s.session.Engine() == engine.SQLite {
		if m.before, err = os.Stat(m.options.From.SQLite.Path()); err != nil {
			return nil, err
		}
	}
	if m.report.Source.InUse, err = s.session.OtherSessions(ctx); err != nil {
		return nil, err
	}
	if len(m.report.Source.InUse) > 0 {
		m.report.Warnings = append(m.report.Warnings, "others are connected to the source ("+engine.List(m.report.Source.InUse)+
			"): what they write from now on is not in the copy; stop them for the move whose result is to be used")
	}
	if err := s.begin(ctx, s.session); err != nil {
		return unreachable(ctx, "source_unreachable", err)
	}
	if err := s.look(ctx); err != nil {
		return unreachable(ctx, "source_unreachable", err)
	}
	if problems := m.checkSource(ctx); len(problems) > 0 {
		return problems, nil
	}
	if err := s.describe(ctx, s.session, m.options.Set); err != nil {
		return nil, err
	}
	return s.check(ctx, s.session, tableNames(s.tables))
}

// unreachable makes a problem of an error, unless the work was stopped.
func unreachable(ctx context.Context, id engine.ProblemID, err error) ([]Problem, error) {
	if ctx.Err() != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return []Problem{{ID: id, What: err.Error()}}, nil
}

func tableNames(tables map[string]*table) (names []string) {
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkSource refuses what is another set's, or not at the set's version.
func (m *move) checkSource(ctx context.Context) []Problem {
	state, set := m.source.state, m.options.Set
	if state.Owner != schema.Owner(set.Name()) {
		return []Problem{{
			ID: "source_set", What: fmt.Sprintf("the source is not a database of the set %s, but %s", set.Name(), ownerWords(state.Owner)),
			Hint: "name the database, or the set, that is meant",
		}}
	}
	if unfinished(state) {
		return []Problem{{
			ID: "source_unfinished", What: "the source is not complete: its creation, an upgrade or a move into it has not ended",
			Hint: "run that again until it ends",
		}}
	}
	plan, err := schema.MakePlan(ctx, m.source.session, set, schema.Options{})
	switch {
	case err != nil:
		return []Problem{{ID: "source_version", What: err.Error()}}
	case !plan.Nothing() || state.Version != set.Version():
		return []Problem{{
			ID: "source_version", What: fmt.Sprintf("the source is at version %d of the set %s, this program is at %d, or steps of it are missing", state.Version, set.Name(), set.Version()),
			Hint: "upgrade the source first: start the program that it belongs to, of the same release as this one",
		}}
	case len(state.Updates) > 0:
		var names []string
		for _, update := range state.Updates {
			names = append(names, update.Name)
		}
		return []Problem{{
			ID: "source_pending_updates", What: "the source has unfinished background updates, which belong to its engine: " + engine.List(names),
			Hint: "let the program that it belongs to run until they are done",
		}}
	}
	return nil
}

func ownerWords(owner schema.Owner) string {
	switch owner {
	case schema.Nobody:
		return "empty"
	case schema.Unknown:
		return "an unknown one"
	case schema.UpstreamsDatabase:
		return "that of the Python homeserver"
	}
	return "of the set " + string(owner)
}

func unfinished(state *schema.State) bool {
	return state.Creating || state.Filling != "" || state.CompatVersion == nil || *state.CompatVersion == schema.GuardVersion
}

// openTarget looks whether the target may be filled, and what its tables are or will be. Nothing is written.
func (m *move) openTarget(ctx context.Context) (problems []Problem, err error) {
	if missing(m.options.To) {
		how, err := dialectOf(m.options.To.Engine)
		if err != nil {
			return nil, err
		}
		m.target = &side{dialect: how, database: m.options.To, state: &schema.State{}}
		m.report.Target = m.target.report()
		return m.tryOut(ctx)
	}
	if m.target, err = openSide(ctx, m.options.To, m.options.Log); err != nil {
		return unreachable(ctx, "target_unreachable", err)
	}
	t := m.target
	m.report.Target = t.report()
	if m.source.session != nil && t.session.Name() == m.source.session.Name() && m.options.From.Engine == m.options.To.Engine {
		return []Problem{sameProblem()}, nil
	}
	others, err := settledSessions(ctx, t.session)
	if err != nil {
		return unreachable(ctx, "target_unreachable", err)
	}
	if len(others) > 0 {
		problems = append(problems, Problem{ID: "target_in_use", What: "others are connected to the target: " + engine.List(others), Hint: "stop them"})
	}
	if err := t.look(ctx); err != nil {
		return unreachable(ctx, "target_unreachable", err)
	}
	more, err := m.checkTarget(ctx, t.session, t.state)
	if err != nil || len(more) > 0 {
		return append(problems, more...), err
	}
	more, err = m.tryOut(ctx)
	return append(problems, more...), err
}

// How long sessions of the target may take to end that have just been closed, or whose process was killed.
const (
	settleTime     = 5 * time.Second
	settleInterval = 50 * time.Millisecond
)

// settledSessions are those that are there for longer than a moment.
func settledSessions(ctx context.Context, session engine.Session) ([]string, error) {
	for begun := time.Now(); ; {
		others, err := session.OtherSessions(ctx)
		if err != nil || len(others) == 0 || time.Since(begun) > settleTime {
			return others, err
		}
		if err := engine.Wait(ctx, settleInterval); err != nil {
			return nil, err
		}
	}
}

// checkTarget refuses what holds anything of somebody's.
func (m *move) checkTarget(ctx context.Context, session engine.Session, state *schema.State) ([]Problem, error) {
	set := m.options.Set
	switch {
	case state.Owner == schema.Nobody:
		return nil, nil
	case state.Owner != schema.Owner(set.Name()):
		return []Problem{{ID: "target_foreign", What: "the target is " + ownerWords(state.Owner), Hint: "name an empty database"}}, nil
	case state.Filling == filler:
		return nil, nil
	case unfinished(state):
		return []Problem{{
			ID: "target_unfinished", What: "the target is not complete, and no move of tables has left it so", Hint: "end what was begun there, or name an empty database",
		}}, nil
	case state.Version != set.Version():
		return []Problem{{
			ID: "target_version", What: fmt.Sprintf("the target is at version %d of the set %s, this program is at %d", state.Version, set.Name(), set.Version()),
			Hint: "name an empty database",
		}}, nil
	}
	return m.checkEmpty(ctx, session)
}

// checkEmpty refuses a target that has rows.
func (m *move) checkEmpty(ctx context.Context, session engine.Session) ([]Problem, error) {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return nil, err
	}
	var filled []string
	for _, table := range catalog.Tables {
		if slices.Contains(schema.BookkeepingTables(), table.Name) {
			continue
		}
		var rows bool
		if err := session.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+m.target.quote(table.Name)+")").Scan(&rows); err != nil {
			return nil, fmt.Errorf("look for rows in %s: %w", table.Name, err)
		}
		if rows {
			filled = append(filled, table.Name)
		}
	}
	if len(filled) == 0 {
		return nil, nil
	}
	return []Problem{{
		ID: "target_not_empty", What: "the target holds rows, which a move never writes over: in " + engine.List(filled), Hint: "name an empty database",
	}}, nil
}

// tryOut reads what the target's tables are, or will be when they are created.
func (m *move) tryOut(ctx context.Context) (problems []Problem, err error) {
	t, set := m.target, m.options.Set
	described := t.session
	if t.state.Owner == schema.Nobody || t.state.Filling != "" {
		made, err := rehearse(ctx, t.session, m.options.To.Engine, set, t.state.Filling)
		if err != nil {
			return unreachable(ctx, "target_tables", err)
		}
		defer func() { err = errors.Join(err, made.end()) }()
		described = made
	}
	if err := t.describe(ctx, described, set); err != nil {
		return nil, err
	}
	if len(t.triggers) > 0 {
		problems = append(problems, Problem{
			ID: "triggers", What: "the set makes triggers on the target's engine, which would act on the rows a second time: " + engine.List(t.triggers),
			Hint: "such a set cannot be moved",
		})
	}
	if len(t.sequences) > 0 && (m.options.From.Engine != m.options.To.Engine || m.options.To.Engine != engine.Postgres) {
		problems = append(problems, Problem{
			ID: "sequences", What: "the set makes sequences of no column, of which the source cannot tell how far they are: " + engine.List(t.sequences),
			Hint: "such a set can be moved from PostgreSQL to PostgreSQL only",
		})
	}
	m.most, err = t.mostBytes(ctx, t.session)
	return problems, err
}
