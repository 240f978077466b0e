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
	if m.set == nil {
		return &RefusedError{Problems: fromSource}
	}
	fromTarget, err := m.openTarget(ctx)
	if err != nil {
		return err
	}
	problems = slices.Concat(fromSource, fromTarget)
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
	from, to := m.options.From, m.options.To
	for _, one := range []synapse.Database{from, to} {
		if one.Engine == engine.SQLite && one.SQLite.InMemory() {
			problems = append(problems, Problem{ID: InMemory, What: "a database in memory ends with its program", Hint: "name a file"})
		}
	}
	if from.Engine == engine.SQLite && missing(from) && !from.SQLite.InMemory() {
		problems = append(problems, Problem{
			ID: SourceMissing, What: "there is no database at " + from.SQLite.Path(), Hint: "name the file that is to be moved",
		})
	}
	if sameFile(from, to) {
		problems = append(problems, sameProblem())
	}
	return problems
}

func sameProblem() Problem {
	return Problem{ID: SameDatabase, What: "the source and the target are one database", Hint: "name another target"}
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
		return unreachable(ctx, SourceUnreachable, err)
	}
	s := m.source
	m.report.Source = s.report()
	if s.immutable {
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
	if err := errors.Join(s.setUp(ctx, s.session), s.begin(ctx, s.session)); err != nil {
		return unreachable(ctx, SourceUnreachable, err)
	}
	if err := s.look(ctx); err != nil {
		return unreachable(ctx, SourceUnreachable, err)
	}
	if problems := m.findSet(); len(problems) > 0 {
		return problems, nil
	}
	if problems := m.checkSource(ctx); len(problems) > 0 {
		return problems, nil
	}
	if err := s.describe(ctx, s.session); err != nil {
		return nil, err
	}
	problems, err = s.check(ctx, s.session, tableNames(s.tables))
	return append(problems, s.strange()...), err
}

// strange refuses tables that a module of SQLite keeps in others.
func (s *side) strange() []Problem {
	if len(s.virtual) == 0 {
		return nil
	}
	return []Problem{{
		ID: VirtualTables, What: "there are virtual tables, which their modules keep in other tables: " + engine.List(s.virtual), Hint: "a set with them cannot be moved",
	}}
}

// findSet finds the set of the source, and refuses one that cannot be moved.
func (m *move) findSet() (problems []Problem) {
	state := m.source.state
	if of := string(state.Owner); state.Owner == schema.UpstreamsDatabase || of == homeserverSet {
		return []Problem{{
			ID: IsHomeserver, What: "the source is a homeserver's, whose tables mean more than their rows tell",
			Hint: "from SQLite to PostgreSQL: synapse port --sqlite-database FILE --postgres-config FILE\nfrom PostgreSQL to SQLite: synapse port-back",
		}}
	}
	if m.set == nil {
		var err error
		if m.set, err = m.options.FindSet(state); err != nil {
			return []Problem{{ID: SourceSet, What: err.Error()}}
		}
	}
	m.report.Set, m.report.Version = m.set.Name(), m.set.Version()
	for _, kind := range []engine.Kind{m.options.From.Engine, m.options.To.Engine} {
		if !slices.Contains(m.set.Engines(), kind) {
			problems = append(problems, Problem{
				ID: NoFiles, What: fmt.Sprintf("the set %s has no files for %s", m.set.Name(), kind),
				Hint: fmt.Sprintf("it has some for %v; add files for the other engine", m.set.Engines()),
			})
		}
	}
	if len(problems) > 0 {
		m.set = nil // there is nothing more to look for
	}
	return problems
}

// homeserverSet is the name of the set that package homeserver has.
const homeserverSet = "homeserver"

// unreachable makes a problem of an error, unless the work was stopped.
func unreachable(ctx context.Context, id ProblemID, err error) ([]Problem, error) {
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
	state, set := m.source.state, m.set
	if state.Owner != schema.Owner(set.Name()) {
		return []Problem{{
			ID: SourceSet, What: fmt.Sprintf("the source is not a database of the set %s, but %s", set.Name(), ownerWords(state.Owner)),
			Hint: "name the database, or the set, that is meant",
		}}
	}
	if unfinished(state) {
		return []Problem{{
			ID: SourceUnfinished, What: "the source is not complete: its creation, an upgrade or a move into it has not ended",
			Hint: "run that again until it ends",
		}}
	}
	plan, err := schema.MakePlan(ctx, m.source.session, set, m.schemaOptions(""))
	switch {
	case err != nil:
		return []Problem{{ID: SourceVersion, What: err.Error()}}
	case !plan.Nothing() || state.Version != set.Version():
		return []Problem{{
			ID: SourceVersion, What: fmt.Sprintf("the source is at version %d of the set %s, this program is at %d, or steps of it are missing", state.Version, set.Name(), set.Version()),
			Hint: "upgrade the source first: start the program that it belongs to, of the same release as this one",
		}}
	case len(state.Updates) > 0:
		var names []string
		for _, update := range state.Updates {
			names = append(names, update.Name)
		}
		return []Problem{{
			ID: SourcePending, What: "the source has unfinished background updates, which belong to its engine: " + engine.List(names),
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
		return unreachable(ctx, TargetUnreachable, err)
	}
	t := m.target
	m.report.Target = t.report()
	if m.source.session != nil && t.session.Name() == m.source.session.Name() && m.options.From.Engine == m.options.To.Engine {
		return []Problem{sameProblem()}, nil
	}
	others, err := settledSessions(ctx, t.session)
	if err != nil {
		return unreachable(ctx, TargetUnreachable, err)
	}
	if len(others) > 0 {
		problems = append(problems, Problem{ID: TargetInUse, What: "others are connected to the target: " + engine.List(others), Hint: "stop them"})
	}
	if err := t.look(ctx); err != nil {
		return unreachable(ctx, TargetUnreachable, err)
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
	set := m.set
	switch {
	case state.Owner == schema.Nobody:
		return nil, nil
	case state.Owner != schema.Owner(set.Name()):
		return []Problem{{ID: TargetForeign, What: "the target is " + ownerWords(state.Owner), Hint: "name an empty database"}}, nil
	case state.Filling == filler:
		return nil, nil
	case unfinished(state):
		return []Problem{{
			ID: TargetUnfinished, What: "the target is not complete, and no move of tables has left it so", Hint: "end what was begun there, or name an empty database",
		}}, nil
	case state.Version != set.Version():
		return []Problem{{
			ID: TargetVersion, What: fmt.Sprintf("the target is at version %d of the set %s, this program is at %d", state.Version, set.Name(), set.Version()),
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
		ID: TargetNotEmpty, What: "the target holds rows, which a move never writes over: in " + engine.List(filled), Hint: "name an empty database",
	}}, nil
}

// tryOut reads what the target's tables are, or will be when they are created.
func (m *move) tryOut(ctx context.Context) (problems []Problem, err error) {
	t, set := m.target, m.set
	described := t.session
	if t.state.Owner == schema.Nobody || t.state.Filling != "" {
		made, err := rehearse(ctx, t.session, m.options.To.Engine, set, m.schemaOptions(t.state.Filling))
		if err != nil {
			return unreachable(ctx, TargetTables, err)
		}
		defer func() { err = errors.Join(err, made.end()) }()
		described, problems = made, m.checkCode()
	}
	if err := t.describe(ctx, described); err != nil {
		return nil, err
	}
	problems = append(problems, m.checkMade()...)
	m.most, err = t.mostBytes(ctx, t.session)
	return problems, err
}

// checkMade refuses a set that makes more in the target than tables.
func (m *move) checkMade() (problems []Problem) {
	t := m.target
	if len(t.triggers) > 0 {
		problems = append(problems, Problem{
			ID: Triggers, What: "the set makes triggers on the target's engine, which would act on the rows a second time: " + engine.List(t.triggers),
			Hint: "such a set cannot be moved",
		})
	}
	if len(t.sequences) > 0 && (m.options.From.Engine != engine.Postgres || m.options.To.Engine != engine.Postgres) {
		problems = append(problems, Problem{
			ID: Sequences, What: "the set makes sequences of no column, of which the source cannot tell how far they are: " + engine.List(t.sequences),
			Hint: "such a set can be moved from PostgreSQL to PostgreSQL only",
		})
	}
	return append(problems, t.strange()...)
}
