package schema

import (
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// Plan is what has to be done to a database so that this code can work with it.
type Plan struct {
	// Database in words.
	Database string `json:"database"`
	// Engine of the database.
	Engine engine.Kind `json:"engine"`
	// Set whose files are applied.
	Set string `json:"set"`
	// Create says that the database is empty, or that its creation was interrupted.
	Create bool `json:"create"`
	// From is the database's version, 0 for an empty one; To is the code's.
	From int `json:"from"`
	To   int `json:"to"`
	// CompatVersion is what the compat version will be; it is written before anything else. nil leaves it.
	CompatVersion *int `json:"compat_version"`
	// Steps in the order in which they are applied.
	Steps []Step `json:"steps"`

	state   *State
	filling string
	base    int      // version of the full schema that a creation begins with
	covered []*Delta // that the full schema contains
}

// Step is a file or a Go delta.
type Step struct {
	// File is where it stands in the set.
	File string `json:"file"`
	// LogicalDatabase it belongs to.
	LogicalDatabase string `json:"logical_database"`
	Version         int    `json:"version"`
	// Why it has to be applied.
	Why string `json:"why"`
	// Locks are what the statements keep others from, in words.
	Locks []string `json:"locks,omitempty"`
	// Transaction says that the step and its record are one transaction; otherwise each of its statements is safe to
	// repeat after a crash.
	Transaction bool `json:"transaction"`

	delta    *Delta    // or
	snapshot *snapshot // a full schema
}

// Name is the step for lists: the name it is recorded under, or the file of a full schema.
func (s *Step) Name() string {
	if s.delta != nil {
		return s.delta.File() + " (" + s.delta.Database + ")"
	}
	return s.File
}

// Nothing reports whether the database is as the code wants it.
func (p *Plan) Nothing() bool {
	return !p.Create && len(p.Steps) == 0 && p.CompatVersion == nil && p.From >= p.To
}

// newPlan compares a database with a set. logical are the logical databases that it holds, filling is that of Options.
func newPlan(database string, kind engine.Kind, set *Set, state *State, logical []string, filling string) (*Plan, error) {
	available, err := set.files(kind)
	if err != nil {
		return nil, err
	}
	if err := checkOwner(database, set, state); err != nil {
		return nil, err
	}
	if filling == "" || state.Filling != filling {
		if err := checkGuard(database, set, state); err != nil {
			return nil, err
		}
	}
	if err := checkLogical(database, set, state, logical); err != nil {
		return nil, err
	}
	if err := checkRequired(database, set, state); err != nil {
		return nil, err
	}
	plan := &Plan{Database: database, Engine: kind, Set: set.Name(), From: state.Version, To: set.Version(), Steps: []Step{}, state: state, filling: filling}
	if state.CompatVersion == nil || *state.CompatVersion < set.CompatVersion() {
		compat := set.CompatVersion()
		if filling != "" && state.Owner == Nobody {
			compat = GuardVersion
		}
		plan.CompatVersion = &compat
	}
	if state.Owner == Nobody || state.Creating {
		plan.planCreation(set, available, logical)
	} else {
		plan.planUpgrade(set, available, logical)
	}
	if err := plan.checkBegun(); err != nil {
		return nil, err
	}
	return plan, plan.checkCode()
}

func checkOwner(database string, set *Set, state *State) error {
	wanted := Owner(set.Name())
	if !set.own() {
		wanted = UpstreamsDatabase
	}
	if state.Owner == Nobody || state.Owner == wanted {
		return nil
	}
	return &OwnerError{Database: database, Set: set.Name(), Owner: state.Owner, Tables: state.Tables}
}

func checkGuard(database string, set *Set, state *State) error {
	if state.CompatVersion == nil || *state.CompatVersion <= set.Version() {
		return nil
	}
	return &TooNewError{Database: database, Set: set.Name(), CodeVersion: set.Version(), CompatVersion: *state.CompatVersion, Version: state.Version}
}

func checkLogical(database string, set *Set, state *State, logical []string) error {
	if unknown := missingFrom(logical, set.databases); len(unknown) > 0 {
		return &LogicalError{Database: "the schema set " + set.Name(), Missing: unknown, Held: set.databases}
	}
	if !set.own() || state.Owner == Nobody {
		return nil
	}
	if missing := missingFrom(logical, state.Databases); len(missing) > 0 {
		return &LogicalError{Database: database, Missing: missing, Held: state.Databases}
	}
	return nil
}

func (p *Plan) planCreation(set *Set, available *files, logical []string) {
	p.Create = true
	p.base, _ = set.newest(p.Engine) // New has made sure that there is one
	for _, part := range available.snapshots[p.base] {
		if concerns(part.database, logical) && !p.state.hasVersion { // the version is recorded with the full schema
			p.Steps = append(p.Steps, p.snapshotStep(part))
		}
	}
	for _, delta := range available.deltas {
		_, applied := p.state.Applied[delta.File()]
		switch {
		case !concerns(delta.Database, logical), applied:
		case delta.Version <= p.base:
			p.covered = append(p.covered, delta)
		default:
			p.Steps = append(p.Steps, p.deltaStep(delta, fmt.Sprintf("comes after the full schema %d", p.base)))
		}
	}
}

func (p *Plan) planUpgrade(set *Set, available *files, logical []string) {
	first := 0
	if !set.own() {
		first = p.state.firstVersion()
	}
	for _, delta := range available.deltas {
		if _, applied := p.state.Applied[delta.File()]; applied || delta.Version < first || !concerns(delta.Database, logical) {
			continue
		}
		why := fmt.Sprintf("not applied yet; the database has version %d", p.state.Version)
		if delta.Version < p.state.Version {
			why = fmt.Sprintf("arrived after the database had reached version %d without it", p.state.Version)
		}
		p.Steps = append(p.Steps, p.deltaStep(delta, why))
	}
}

// firstVersion is the first whose deltas upstream looks for.
func (s *State) firstVersion() int {
	if s.Upgraded {
		return s.Version
	}
	return s.Version + 1
}

func (p *Plan) snapshotStep(part *snapshot) Step {
	return Step{
		File: part.script.path, LogicalDatabase: part.database, Version: p.base, Why: "the database is empty",
		Transaction: p.transaction(part.script), snapshot: part,
	}
}

func (p *Plan) deltaStep(delta *Delta, why string) Step {
	step := Step{File: delta.path(), LogicalDatabase: delta.Database, Version: delta.Version, Why: why, delta: delta}
	step.Transaction = p.transaction(delta.script)
	switch {
	case p.Create: // nobody is kept waiting
	case delta.script != nil:
		step.Locks = locks(p.Engine, delta.script.statements)
	case p.Engine == engine.SQLite: // whatever code does
		step.Locks = []string{lockOf(p.Engine, nil)}
	}
	return step
}

// transaction reports whether a file and the record of it can be one transaction.
func (p *Plan) transaction(read *script) bool {
	if read == nil {
		return true
	}
	return p.Engine != engine.MySQL && !read.marked(MarkNoTransaction)
}

// checkBegun refuses to go on with another file than the one that was interrupted.
func (p *Plan) checkBegun() error {
	due := map[string]bool{creation: true}
	for i := range p.Steps {
		step := &p.Steps[i]
		due[step.record()] = true
		begun, isBegun := p.state.progress[step.record()]
		if read := step.script(); isBegun && (read == nil || read.checksum != begun.checksum) {
			return &ChangedError{Database: p.Database, File: step.File, Creating: p.state.Creating}
		}
	}
	for file := range p.state.progress {
		if p.state.Creating && !due[file] { // part of another full schema is there
			return &ChangedError{Database: p.Database, File: file, Creating: true}
		}
	}
	return nil
}

// checkCode refuses steps that nobody can run.
func (p *Plan) checkCode() error {
	var unknown []string
	for _, step := range p.Steps {
		if step.delta != nil && step.delta.missing {
			unknown = append(unknown, step.delta.path())
		}
	}
	if len(unknown) > 0 {
		return &MissingCodeError{Database: p.Database, Files: unknown}
	}
	return nil
}

// record is the name of a step in applied_schema_deltas and schema_progress.
func (s *Step) record() string {
	if s.delta != nil {
		return s.delta.File()
	}
	return s.File
}

// script gives the SQL of a step; code has none.
func (s *Step) script() *script {
	if s.snapshot != nil {
		return s.snapshot.script
	}
	return s.delta.script
}

func (s *Step) keysUnchecked() bool {
	if s.delta != nil {
		return s.delta.keysUnchecked()
	}
	return s.snapshot.script.marked(MarkKeysUnchecked)
}

// locks says, in words, what statements keep others from. It reads the first words of each, so it knows what is usual.
func locks(kind engine.Kind, statements []sqltext.Statement) []string {
	var found []string
	for _, statement := range statements {
		if lock := lockOf(kind, sqltext.Words(kind, statement.Text, 12)); lock != "" && len(missingFrom([]string{lock}, found)) > 0 {
			found = append(found, lock)
		}
	}
	return found
}
