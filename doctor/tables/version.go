package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// checkVersion compares what the database records of its schema with the set.
func checkVersion(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	status, err := schema.Inspect(ctx, subject.Session, subject.Set, options(subject))
	if err != nil {
		return nil, err
	}
	found := verdict(status, subject.Set)
	if status.Verdict == schema.Refused { // what a background update is waited for is told by the check of those
		pending, err := onlyPending(ctx, subject)
		if err != nil || pending {
			return nil, err
		}
	}
	if subject.Set == nil {
		return found, nil
	}
	return append(found, deltas(subject, status)...), nil
}

// options name no server: that belongs to another check.
func options(subject *finding.Subject) schema.Options {
	return schema.Options{Databases: subject.Logical}
}

func onlyPending(ctx context.Context, subject *finding.Subject) (bool, error) {
	_, err := schema.MakePlan(ctx, subject.Session, subject.Set, options(subject))
	_, pending := errors.AsType[*schema.PendingError](err)
	return pending, ctx.Err()
}

// verdict says what the two versions mean for a start.
func verdict(status *schema.Status, set *schema.Set) []finding.Finding {
	switch status.Verdict {
	case schema.Empty:
		return []finding.Finding{{ID: SchemaEmpty, Severity: finding.Info, What: "the database is empty",
			Meaning: "the homeserver creates its tables at its first start", Remedy: finding.Remedy{Text: "nothing, or synapse upgrade to create them now"}}}
	case schema.Unjudged:
		return []finding.Finding{unknown(status)}
	case schema.Foreign:
		return []finding.Finding{{ID: SchemaForeign, Severity: finding.Error, What: status.Problem,
			Meaning: "a homeserver of this configuration does not work on it", Remedy: finding.Remedy{Text: "look whether the configuration names the right database"}}}
	case schema.Unfinished:
		return []finding.Finding{unfinished(status)}
	case schema.TooNew:
		return []finding.Finding{{ID: SchemaTooNew, Severity: finding.Error, What: status.Problem,
			Meaning: "the homeserver that these schema files belong to refuses to start", Evidence: versions(status),
			Remedy: finding.Remedy{Text: "install the homeserver that has used the database, or a newer one, or restore the backup from before it was used"}}}
	case schema.Refused:
		return []finding.Finding{{ID: SchemaRefused, Severity: finding.Error, What: status.Problem,
			Meaning: "the tables cannot be upgraded", Remedy: finding.Remedy{Text: "do what the message says"}}}
	case schema.Behind:
		return []finding.Finding{behind(status)}
	case schema.Ahead:
		return []finding.Finding{{ID: SchemaAhead, Severity: finding.Info,
			What:    fmt.Sprintf("the database has schema version %d, and the code is of %d", status.Version, set.Version()),
			Meaning: "a newer homeserver has used it, and this one may go on; the tables are not compared",
			Remedy:  finding.Remedy{Text: "nothing; to have the tables compared, give the newer schema files by --schema-dir"}}}
	case schema.Current: // nothing is to be said
	}
	return nil
}

func unknown(status *schema.Status) finding.Finding {
	result := finding.Finding{
		ID: SchemaUnknown, Severity: finding.Info, Evidence: versions(status),
		What:    "the homeserver's schema files were not found, so its tables are not compared with what they should be",
		Meaning: "missing tables, columns, indexes and deltas are not noticed",
		Remedy:  finding.Remedy{Text: "give the folder synapse/storage/schema of the installed homeserver by --schema-dir"},
	}
	if status.Owner == schema.Unknown {
		result.ID, result.Severity = SchemaForeign, finding.Error
		result.What = "there are tables, and no record of a schema version"
		result.Meaning = "it is no homeserver's database: a homeserver would fail in the middle of creating its tables"
		result.Remedy.Text = "look whether the configuration names the right database"
	}
	return result
}

func unfinished(status *schema.Status) finding.Finding {
	result := finding.Finding{
		ID: SchemaUnfinished, Severity: finding.Error, Evidence: versions(status),
		What:    "a creation or an upgrade of the tables was interrupted",
		Meaning: "tables may be missing until it has gone on to its end",
		Remedy:  finding.Remedy{Text: "run synapse upgrade again: it goes on where it was interrupted"},
	}
	if status.Problem != "" {
		result.What = status.Problem
		result.Meaning = "homeservers refuse to start on it, so that none starts on half of the rows"
		result.Remedy.Text = "run the port or the restore again: it goes on where it was interrupted"
	}
	return result
}

func behind(status *schema.Status) finding.Finding {
	result := finding.Finding{
		ID: SchemaBehind, Severity: finding.Info,
		What:    fmt.Sprintf("the database has schema version %d, and the code is of %d", status.Version, status.CodeVersion),
		Meaning: "the main process upgrades it when it starts, and workers refuse to start before; the tables are not compared",
		Remedy:  finding.Remedy{Text: "start the homeserver, or run synapse upgrade with the homeserver stopped"},
	}
	for _, step := range status.Missing {
		result.Evidence = append(result.Evidence, step.Name()+": "+step.Why)
	}
	return result
}

func versions(status *schema.Status) []string {
	text := fmt.Sprintf("schema version %d", status.Version)
	if status.CompatVersion != nil {
		text += fmt.Sprintf(", which code of %d and newer may open", *status.CompatVersion)
	}
	if status.CodeVersion > 0 {
		text += fmt.Sprintf("; the code is of %d", status.CodeVersion)
	}
	return []string{text}
}

// deltas looks at the record of what was applied.
func deltas(subject *finding.Subject, status *schema.Status) []finding.Finding {
	var found []finding.Finding
	if late := neverApplied(subject, status); len(late) > 0 {
		found = append(found, finding.Finding{
			ID: DeltasMissing, Severity: finding.Warning, Evidence: late,
			What:    fmt.Sprintf("%d deltas of versions that the database has passed were never applied", len(late)),
			Meaning: "the homeserver looks for deltas of the database's own version and later only, so it will never apply them; what they make may be missing",
			Remedy:  finding.Remedy{Text: "see by the findings about tables what is missing; these deltas were added to the schema late, or their record was lost"},
		})
	}
	if len(status.Changed) > 0 {
		found = append(found, finding.Finding{
			ID: DeltasChanged, Severity: finding.Warning, Evidence: status.Changed,
			What:    "deltas were applied whose files have been changed since",
			Meaning: "the database may differ from one that is created now; they are not applied again",
			Remedy:  finding.Remedy{Text: "see by the findings about tables whether it does; restore the files as they were released"},
		})
	}
	if len(status.Unknown) > 0 {
		found = append(found, finding.Finding{
			ID: DeltasUnknown, Severity: finding.Info, Evidence: status.Unknown,
			What:    fmt.Sprintf("%d applied deltas are not among the schema files", len(status.Unknown)),
			Meaning: "releases drop the files of old deltas, and newer ones bring theirs",
			Remedy:  finding.Remedy{Text: "nothing, unless files of this release were lost"},
		})
	}
	return found
}

// neverApplied lists deltas that only upstream's rules overlook. What a full schema contains is not recorded: deltas count from
// the first version on of which any is.
func neverApplied(subject *finding.Subject, status *schema.Status) []string {
	if subject.Set.Name() != upstream.SetName || status.Verdict == schema.Empty || len(status.Applied) == 0 {
		return nil
	}
	var late []string
	first := firstApplied(status.Applied)
	for _, delta := range subject.Set.Deltas(subject.Engine) {
		_, applied := status.Applied[delta.File()]
		if !applied && delta.Version >= first && delta.Version < status.Version && concerns(delta, subject) {
			late = append(late, delta.File()+" ("+delta.Database+")")
		}
	}
	return late
}

func concerns(delta *schema.Delta, subject *finding.Subject) bool {
	return delta.Database == schema.Common || subject.Holds(delta.Database)
}

func firstApplied(applied map[string]string) int {
	var versions []int
	for file := range applied {
		var version int
		if number, _, named := strings.Cut(file, "/"); named {
			if _, err := fmt.Sscanf(number, "%d", &version); err == nil {
				versions = append(versions, version)
			}
		}
	}
	if len(versions) == 0 {
		return 0
	}
	return slices.Min(versions)
}

// inspect reports whether the database is of the set's own version. A required background update that is pending does not
// hinder a comparison.
func inspect(ctx context.Context, subject *finding.Subject) (state *schema.State, current bool, err error) {
	if subject.Set == nil || !slices.Contains([]engine.Kind{engine.SQLite, engine.Postgres}, subject.Engine) {
		return nil, false, nil
	}
	status, err := schema.Inspect(ctx, subject.Session, subject.Set, options(subject))
	if err != nil {
		return nil, false, err
	}
	if status.Verdict == schema.Refused {
		pending, err := onlyPending(ctx, subject)
		return &status.State, pending && status.Version == subject.Set.Version(), err
	}
	return &status.State, status.Verdict == schema.Current, nil
}
