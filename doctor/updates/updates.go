package updates

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// The findings.
const (
	Pending          = "updates_pending"
	RequiredPending  = "update_required"
	Failed           = "update_failed"
	Unknown          = "update_unknown"
	Cycle            = "update_cycle"
	ProgressDamaged  = "update_progress_damaged"
	DirectoryMissing = "user_directory_never_built"
)

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{{
		Name: "updates", Reads: "the pending background updates, the position of the user directory, and whether there is any user", Run: check,
	}}
}

func check(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	pending, err := background.List(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	l := &look{subject: subject, pending: pending, registry: handlers(subject.Owner)}
	if l.names, err = namedInFiles(subject.Set); err != nil {
		return nil, err
	}
	found := l.all()
	required, err := l.required(ctx)
	if err != nil {
		return nil, err
	}
	directory, err := l.directory(ctx)
	return append(append(found, required...), directory...), err
}

// handlers are what `synapse updates run` can do.
func handlers(owner schema.Owner) *background.Registry {
	registry := background.NewRegistry()
	if owner == schema.UpstreamsDatabase {
		upstream.Updates(registry, homeserver.Config{})
	}
	return registry
}

type look struct {
	subject  *finding.Subject
	pending  []background.Pending
	registry *background.Registry
	names    func(update string) bool
}

func (l *look) all() []finding.Finding {
	var found []finding.Finding
	for _, one := range []struct {
		finding func() finding.Finding
		lines   []string
	}{
		{l.pendingFinding, l.each(l.describe)},
		{l.failedFinding, l.each(failure)},
		{l.unknownFinding, l.each(l.unknown)},
		{l.damagedFinding, l.each(damage)},
		{l.cycleFinding, l.cycle()},
	} {
		if len(one.lines) > 0 {
			made := one.finding()
			made.Evidence = one.lines
			made.What = strings.Replace(made.What, "%d", strconv.Itoa(len(one.lines)), 1)
			found = append(found, made)
		}
	}
	return found
}

// each collects what is to be said of updates; of those with nothing, nothing.
func (l *look) each(say func(background.Pending) string) (lines []string) {
	for _, update := range l.pending {
		if line := say(update); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// describe says who can run an update.
func (l *look) describe(update background.Pending) string {
	if l.registry.Has(update.Name) {
		return update.Name + ": synapse updates run, or the homeserver"
	}
	if reason, only := l.onlyTheHomeserver(update.Name); only {
		return update.Name + ": only the homeserver: " + reason
	}
	return update.Name + ": this program cannot run it"
}

// onlyTheHomeserver is true of updates that need the homeserver's own code. A port leaves some of them in a database of our homeserver's
// schema, too.
func (l *look) onlyTheHomeserver(name string) (reason string, only bool) {
	switch l.subject.Owner {
	case schema.UpstreamsDatabase, homeserver.SetName:
		return upstream.OnlyTheHomeserver(name)
	default:
		return "", false
	}
}

func (l *look) pendingFinding() finding.Finding {
	return finding.Finding{
		ID: Pending, Severity: finding.Info, What: "%d background updates are pending",
		Meaning: "the homeserver does them while it runs, in small batches; until then it does without what they make: indexes, search, counts",
		Remedy:  finding.Remedy{Text: "let the homeserver run, or run those that can be now", Commands: []string{"synapse updates run -c homeserver.yaml"}},
	}
}

func failure(update background.Pending) string {
	if update.Failure == nil {
		return ""
	}
	return fmt.Sprintf("%s: after %d attempts, at %s: %s", update.Name, update.Failure.Attempts, update.Failure.At.Format("2006-01-02 15:04 MST"), update.Failure.Error)
}

func (l *look) failedFinding() finding.Finding {
	var names []string
	for _, update := range l.pending {
		if update.Failure != nil {
			names = append(names, update.Name)
		}
	}
	return finding.Finding{
		ID: Failed, Severity: finding.Warning, What: "%d background updates were set aside after too many failures",
		Meaning: "synapse updates run passes over them and what depends on them; a homeserver that meets the same error stops with all updates behind it until it is restarted",
		Remedy: finding.Remedy{Text: "correct the cause, and have them tried again",
			Commands: []string{"synapse updates retry -c homeserver.yaml " + strings.Join(names, " "), "synapse updates run -c homeserver.yaml"}},
	}
}

// unknown is for names that neither this program nor the schema files know.
func (l *look) unknown(update background.Pending) string {
	if _, only := l.onlyTheHomeserver(update.Name); only || l.registry.Has(update.Name) || l.names != nil && l.names(update.Name) {
		return ""
	}
	return update.Name
}

func (l *look) unknownFinding() finding.Finding {
	result := finding.Finding{
		ID: Unknown, Severity: finding.Warning, What: "%d background updates are pending that neither this program nor the schema files know",
		Meaning: "a homeserver that does not know one either fails on it, and stops with all updates behind it until it is restarted",
		Remedy:  finding.Remedy{Text: "start the homeserver that has enqueued them, as a rule a newer one, and let it finish"},
	}
	if l.names == nil {
		result.Severity = finding.Info
		result.What = "%d background updates are pending that this program does not know"
		result.Remedy.Text = "nothing, if the homeserver is newer than this program; to have them looked for in its schema files, give --schema-dir"
	}
	return result
}

func damage(update background.Pending) string {
	if json.Valid(update.Progress) {
		return ""
	}
	return update.Name + ": " + string(update.Progress)
}

func (l *look) damagedFinding() finding.Finding {
	var commands []string
	for _, update := range l.pending {
		if damage(update) != "" {
			commands = append(commands, fmt.Sprintf("UPDATE background_updates SET progress_json = '{}' WHERE update_name = %s;", literal(update.Name)))
		}
	}
	return finding.Finding{
		ID: ProgressDamaged, Severity: finding.Warning, What: "the progress of %d background updates is not JSON",
		Meaning: "they fail at every attempt, and a homeserver stops with all updates behind them until it is restarted",
		Remedy:  finding.Remedy{Text: "have them begin anew, which their work allows", Commands: commands},
	}
}

// cycle lists updates that wait for each other.
func (l *look) cycle() []string {
	after := map[string]string{}
	for _, update := range l.pending {
		after[update.Name] = update.DependsOn
	}
	return l.each(func(update background.Pending) string {
		path := []string{update.Name}
		next := update.DependsOn
		for range l.pending {
			if _, waits := after[next]; !waits {
				return ""
			}
			path = append(path, next)
			if next == update.Name {
				return strings.Join(path, " -> ")
			}
			next = after[next]
		}
		return ""
	})
}

func (l *look) cycleFinding() finding.Finding {
	var commands []string
	for _, line := range l.cycle() {
		name, _, _ := strings.Cut(line, " -> ")
		commands = append(commands, fmt.Sprintf("UPDATE background_updates SET depends_on = NULL WHERE update_name = %s;", literal(name)))
	}
	return finding.Finding{
		ID: Cycle, Severity: finding.Warning, What: "%d background updates wait for themselves, by way of others",
		Meaning: "none of them is ever run, and a homeserver that has nothing else to do ends with an error",
		Remedy:  finding.Remedy{Text: "find out which is to be first, and run one of the statements", Commands: commands},
	}
}

// literal is right on both engines for names of updates, which have no backslashes.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
