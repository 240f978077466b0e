package schema

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// Verdict is how a database and the code stand to each other, in one word.
type Verdict string

// The verdicts.
const (
	Empty      Verdict = "empty"      // there is nothing yet
	Current    Verdict = "current"    // nothing is missing
	Behind     Verdict = "behind"     // an upgrade is due
	Ahead      Verdict = "ahead"      // newer code has used it, and this code may go on
	TooNew     Verdict = "too new"    // this code must not open it
	Unfinished Verdict = "unfinished" // a creation, an upgrade or a port was interrupted
	Foreign    Verdict = "foreign"    // it belongs to another set, or to nobody that is known
	Unjudged   Verdict = "unjudged"   // no set was given to compare it with
	Refused    Verdict = "refused"    // something else is wrong; see Problem
)

// GuardVersion is the compat version of a database that is being filled, by a port or a restore: greater than any
// version, so that nothing starts on it.
const GuardVersion = 2147483647

// Status is what there is to know about the schema of a physical database.
type Status struct {
	// Database in words.
	Database string      `json:"database"`
	Engine   engine.Kind `json:"engine"`
	Verdict  Verdict     `json:"verdict"`
	// Problem says why the code cannot work with the database as it is; empty if it can, or if it only has to upgrade.
	Problem string `json:"problem,omitempty"`

	State

	// CodeVersion and CodeCompatVersion are the set's; 0 without one.
	CodeVersion       int `json:"code_version,omitempty"`
	CodeCompatVersion int `json:"code_compat_version,omitempty"`
	// Missing are the steps of an upgrade.
	Missing []Step `json:"missing"`
	// Changed are applied deltas whose files are no longer what was applied. They are not applied again.
	Changed []string `json:"changed"`
	// Unknown are applied deltas that the set does not have: newer code's, as a rule.
	Unknown []string `json:"unknown"`
}

// Inspect reads the status of a database, and changes nothing. set may be nil; then nothing is compared.
func Inspect(ctx context.Context, session engine.Session, set *Set, options Options) (*Status, error) {
	state, err := ReadState(ctx, session)
	if err != nil {
		return nil, err
	}
	status := &Status{
		Database: session.Name(), Engine: session.Engine(), State: *state, Verdict: Unjudged,
		Missing: []Step{}, Changed: []string{}, Unknown: []string{},
	}
	if state.Updates == nil {
		status.Updates = []Update{}
	}
	if set == nil {
		status.judgeAlone()
		return status, nil
	}
	status.CodeVersion, status.CodeCompatVersion = set.Version(), set.CompatVersion()
	var plan *Plan
	if err = checkServer(ctx, session, set, options); err == nil {
		plan, err = planFrom(ctx, session, set, state, options)
	}
	status.judge(plan, err)
	if err == nil {
		status.compareApplied(set)
	}
	return status, nil
}

// judgeAlone says what can be known without a set.
func (s *Status) judgeAlone() {
	switch {
	case s.CompatVersion != nil && *s.CompatVersion == GuardVersion:
		s.Verdict = Unfinished
		s.Problem = (&TooNewError{Database: s.Database, CompatVersion: GuardVersion}).Error()
	case s.Owner == Nobody:
		s.Verdict = Empty
	}
}

func (s *Status) judge(plan *Plan, err error) {
	_, foreign := errors.AsType[*OwnerError](err)
	_, tooNew := errors.AsType[*TooNewError](err)
	switch {
	case tooNew && *s.CompatVersion == GuardVersion:
		s.Verdict = Unfinished
	case foreign:
		s.Verdict = Foreign
	case tooNew:
		s.Verdict = TooNew
	case err != nil:
		s.Verdict = Refused
	case s.Creating, len(s.progress) > 0:
		s.Verdict = Unfinished
	case plan.Create:
		s.Verdict = Empty
	case !plan.Nothing():
		s.Verdict = Behind
	case s.Version > s.CodeVersion:
		s.Verdict = Ahead
	default:
		s.Verdict = Current
	}
	if err != nil {
		s.Problem = err.Error()
		return
	}
	s.Missing = append(s.Missing, plan.Steps...)
}

func (s *Status) compareApplied(set *Set) {
	known := map[string]*Delta{}
	for _, delta := range set.Deltas(s.Engine) {
		known[delta.File()] = delta
	}
	for file, checksum := range s.Applied {
		delta := known[file]
		switch {
		case delta == nil:
			s.Unknown = append(s.Unknown, file)
		case checksum != "" && checksum != delta.Checksum():
			s.Changed = append(s.Changed, file)
		}
	}
	slices.SortFunc(s.Unknown, compareFiles)
	slices.SortFunc(s.Changed, compareFiles)
}

// compareFiles orders "VERSION/NAME" by version first.
func compareFiles(a, b string) int {
	return cmp.Or(cmp.Compare(versionOf(a), versionOf(b)), cmp.Compare(a, b))
}

func versionOf(file string) int {
	for i, letter := range file {
		if letter == '/' {
			version, _ := readVersion(file[:i])
			return version
		}
	}
	return 0
}

// Ready reports whether code can work with the database as it is.
func (v Verdict) Ready() bool { return v == Current || v == Ahead || v == Unjudged }
