package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// Database is a physical database of a homeserver: one of Postgres and SQLitePath is set.
type Database struct {
	Label      string
	Postgres   *postgres.Config
	SQLitePath string
	Logical    []string
}

// Options say what to look at, and how closely.
type Options struct {
	Databases []Database
	// SetOf gives the schema set of a database by whose it is; nil when the files are not known. Its error ends the check: what was
	// asked for cannot be compared with. May be nil itself.
	SetOf func(database string, owner schema.Owner) (*schema.Set, error)
	// ServerName of the homeserver; may be empty.
	ServerName string
	// MediaStore is the folder of the media store; may be empty.
	MediaStore string
	// Deep reads whole tables as well.
	Deep bool
	// OnCheck is called before each check with its name and the database's label; may be nil.
	OnCheck func(database, check string)
	// Log may be nil.
	Log *slog.Logger
}

// Report is what Check found.
type Report struct {
	// Worst is the severity of the worst finding; empty without any.
	Worst    finding.Severity  `json:"worst,omitempty"`
	Findings []finding.Finding `json:"findings"`
	Checked  []Checked         `json:"checked"`
}

// Checked is a check that was run.
type Checked struct {
	Database string `json:"database"`
	Check    string `json:"check"`
	Deep     bool   `json:"deep,omitempty"`
}

// Check looks at all databases. What cannot be looked at is a finding, too; the error is only the end of ctx, or a *SetError.
func Check(ctx context.Context, options Options) (*Report, error) {
	e := newExamination(options)
	defer e.close()
	if err := e.open(ctx); err != nil {
		return e.report, err
	}
	for _, subject := range e.subjects {
		for _, check := range Checks() {
			if check.Deep && !options.Deep || !check.Applies(subject.Engine) {
				continue
			}
			e.run(ctx, subject, check)
			if err := ctx.Err(); err != nil {
				return e.report, context.Cause(ctx)
			}
		}
	}
	e.sort()
	return e.report, nil
}

type examination struct {
	options  Options
	report   *Report
	subjects []*finding.Subject
	// unread are the errors, by label, of databases whose own record of the schema cannot be read.
	unread map[string]error
}

func newExamination(options Options) *examination {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.OnCheck == nil {
		options.OnCheck = func(string, string) {}
	}
	return &examination{options: options, report: &Report{Findings: []finding.Finding{}, Checked: []Checked{}}, unread: map[string]error{}}
}

func (e *examination) add(database string, found ...finding.Finding) {
	for _, one := range found {
		one.Database = cmp.Or(one.Database, database)
		one.Evidence = finding.Cut(one.Evidence)
		e.report.Findings = append(e.report.Findings, one)
	}
}

// open connects to each database. One that cannot be reached is a finding; one that does not say what it is, is a finding and is looked
// at all the same.
func (e *examination) open(ctx context.Context) error {
	for _, database := range e.options.Databases {
		e.options.OnCheck(database.Label, "connection")
		e.report.Checked = append(e.report.Checked, Checked{Database: database.Label, Check: "connection"})
		subject, err := e.connect(ctx, database, true)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			e.add(database.Label, unreachable(ctx, database, err))
			continue
		}
		e.subjects = append(e.subjects, subject)
		if err := e.recognize(ctx, subject); err != nil {
			return err
		}
	}
	e.introduce()
	return nil
}

// recognize identifies a database, and reports one that cannot be identified.
func (e *examination) recognize(ctx context.Context, subject *finding.Subject) error {
	err := e.identify(ctx, subject)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, files := errors.AsType[*SetError](err); files {
		return err
	}
	if err != nil {
		e.unread[subject.Label] = err
		e.add(subject.Label, unrecognized(subject, err))
	}
	return nil
}

func (e *examination) introduce() {
	for _, subject := range e.subjects {
		subject.Others = slices.DeleteFunc(slices.Clone(e.subjects), func(other *finding.Subject) bool { return other == subject })
	}
}

// subject opens a database and identifies it, to look at it only or to mend it.
func (e *examination) subject(ctx context.Context, database Database, look bool) (*finding.Subject, error) {
	subject, err := e.connect(ctx, database, look)
	if err != nil {
		return nil, err
	}
	if err := e.identify(ctx, subject); err != nil {
		return nil, errors.Join(err, subject.Session.Close())
	}
	return subject, nil
}

func (e *examination) connect(ctx context.Context, database Database, look bool) (*finding.Subject, error) {
	subject := &finding.Subject{
		Label: database.Label, Engine: engine.Postgres, Postgres: database.Postgres, Path: database.SQLitePath, Logical: database.Logical,
		ServerName: e.options.ServerName, MediaStore: e.options.MediaStore, Deep: e.options.Deep,
	}
	var err error
	if database.Postgres != nil {
		subject.Session, err = database.Postgres.OpenSession(ctx, e.options.Log)
	} else {
		subject.Engine = engine.SQLite
		config := sqlite.Config{Database: database.SQLitePath}
		if look {
			config = config.ReadOnly()
		}
		subject.Session, err = sqlite.OpenSession(ctx, config, e.options.Log)
	}
	if err != nil {
		return nil, err
	}
	if look && subject.Engine == engine.Postgres { // whatever a check does wrong
		_, err = subject.Session.Exec(ctx, "SET default_transaction_read_only = on")
	}
	if err == nil { // SQLite has not looked into the file yet
		_, err = subject.Session.Describe(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, subject.Session.Close())
	}
	return subject, nil
}

// identify finds out whose database it is, and what its tables should be.
func (e *examination) identify(ctx context.Context, subject *finding.Subject) error {
	state, err := schema.ReadState(ctx, subject.Session)
	if err != nil {
		return err
	}
	subject.Owner = state.Owner
	if e.options.SetOf == nil {
		return nil
	}
	if subject.Set, err = e.options.SetOf(subject.Session.Name(), state.Owner); err != nil {
		return &SetError{Database: subject.Label, Err: err}
	}
	return nil
}

func (e *examination) run(ctx context.Context, subject *finding.Subject, check finding.Check) {
	e.options.OnCheck(subject.Label, check.Name)
	found, err := check.Run(ctx, subject)
	if ctx.Err() != nil {
		return
	}
	e.report.Checked = append(e.report.Checked, Checked{Database: subject.Label, Check: check.Name, Deep: check.Deep})
	e.add(subject.Label, found...)
	if err != nil && !e.known(subject, err) {
		e.add(subject.Label, failed(check, err))
	}
}

// known reports whether an error of a check only says again that the database does not say what it is.
func (e *examination) known(subject *finding.Subject, err error) bool {
	unread := e.unread[subject.Label]
	return unread != nil && strings.Contains(err.Error(), unread.Error())
}

func failed(check finding.Check, err error) finding.Finding {
	if right, missing := missingRight(err); missing {
		return finding.Finding{
			ID: RightMissing, Severity: finding.Info, What: fmt.Sprintf("the check %s could not be made: %s", check.Name, right),
			Meaning: "what it looks for (" + check.Reads + ") is not known to be in order",
			Remedy:  finding.Remedy{Text: "run the check as a role that may, or give this one the right"},
		}
	}
	if found, isLocked := locked(err, check.Reads); isLocked {
		return found
	}
	return finding.Finding{
		ID: CheckFailed, Severity: finding.Error, What: fmt.Sprintf("the check %s could not be made: %v", check.Name, err),
		Meaning: "what it looks for (" + check.Reads + ") is not known to be in order, and the error may itself be damage",
		Remedy:  finding.Remedy{Text: "if the message is about a lost connection, check again; otherwise look into the server's log at this moment"},
	}
}

// sort puts the worst first.
func (e *examination) sort() {
	findings := e.report.Findings
	slices.SortStableFunc(findings, func(a, b finding.Finding) int {
		return cmp.Or(a.Severity.Compare(b.Severity), strings.Compare(a.Database, b.Database))
	})
	if len(findings) > 0 {
		e.report.Worst = findings[0].Severity
	}
}

func (e *examination) close() {
	for _, subject := range e.subjects {
		_ = subject.Session.Close() // nothing is pending on it
	}
}
