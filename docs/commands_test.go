package docs_test

import (
	"bytes"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/create"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/doctor/tune"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/cli"
	"github.com/synapsedb/synapse/port/back"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

// Whatever the commands print and take is on their pages.
func TestCommandsAreDescribed(t *testing.T) {
	t.Parallel()
	upgrade, status, updates, dumps := read(t, "upgrade.md"), read(t, "status.md"), read(t, "updates.md"), read(t, "schema-dump.md")
	for page, want := range map[string][]string{
		dumps:   slices.Concat(jsonNames(reflect.TypeFor[cli.DumpedFile](), ""), constants(t, "../internal/cli", "Change")),
		upgrade: slices.Concat(jsonNames(reflect.TypeFor[schema.Plan](), ""), jsonNames(reflect.TypeFor[schema.Step](), "steps.")),
		status: slices.Concat(jsonNames(reflect.TypeFor[schema.Status](), ""), jsonNames(reflect.TypeFor[schema.State](), ""),
			jsonNames(reflect.TypeFor[schema.Update](), "pending_updates."), constants(t, "../schema", "Verdict")),
		read(t, "schema-split.md"): slices.Concat(
			jsonNames(reflect.TypeFor[split.Report](), ""), jsonNames(reflect.TypeFor[split.TableReport](), "tables."),
			jsonNames(reflect.TypeFor[split.SequenceReport](), "sequences."), jsonNames(reflect.TypeFor[split.Problem](), "problems."),
			jsonNames(reflect.TypeFor[split.DropReport](), ""), constants(t, "../port/split", "ProblemID"), constants(t, "../port/split", "Result")),
		read(t, "port-back.md"): slices.Concat(
			jsonNames(reflect.TypeFor[back.Report](), ""), jsonNames(reflect.TypeFor[back.SourceReport](), "sources."),
			jsonNames(reflect.TypeFor[back.TargetReport](), "target."), jsonNames(reflect.TypeFor[back.TableReport](), "tables."),
			jsonNames(reflect.TypeFor[back.LeftTable](), "left."), jsonNames(reflect.TypeFor[back.SequenceReport](), "sequences."),
			jsonNames(reflect.TypeFor[back.Step](), "steps."), constants(t, "../port/back", "Result"), constants(t, "../port/back", "Phase")),
		read(t, "check.md"): slices.Concat(
			jsonNames(reflect.TypeFor[doctor.Report](), ""), jsonNames(reflect.TypeFor[finding.Finding](), "findings."),
			jsonNames(reflect.TypeFor[finding.Remedy](), "findings.remedy."), jsonNames(reflect.TypeFor[doctor.Checked](), "checked."),
			checksAndFixes()),
		read(t, "relocale.md"): slices.Concat(
			jsonNames(reflect.TypeFor[relocale.Report](), ""), jsonNames(reflect.TypeFor[relocale.Locale](), "locale."),
			jsonNames(reflect.TypeFor[relocale.TableReport](), "tables."), jsonNames(reflect.TypeFor[relocale.Problem](), "problems."),
			jsonNames(reflect.TypeFor[relocale.InPlace](), "in_place."), jsonNames(reflect.TypeFor[cli.Relocale](), ""),
			constants(t, "../doctor/relocale", "ProblemID"), constants(t, "../doctor/relocale", "Result"), constants(t, "../doctor/relocale", "Phase")),
		read(t, "create-database.md"): slices.Concat(
			jsonNames(reflect.TypeFor[cli.CreatedDatabases](), ""), jsonNames(reflect.TypeFor[create.Result](), "databases."), constants(t, "../doctor/create", "State")),
		read(t, "tune.md"): slices.Concat(
			jsonNames(reflect.TypeFor[tune.Report](), ""), jsonNames(reflect.TypeFor[tune.Setting](), "settings."), jsonNames(reflect.TypeFor[tune.Table](), "tables.")),
		read(t, "backup.md"): slices.Concat(
			jsonNames(reflect.TypeFor[backup.Manifest](), ""), jsonNames(reflect.TypeFor[backup.SigningKey](), "signing_keys."),
			jsonNames(reflect.TypeFor[backup.Reference](), "files."), jsonNames(reflect.TypeFor[backup.Stored](), "files."), jsonNames(reflect.TypeFor[backup.StoredFile](), "files."),
			jsonNames(reflect.TypeFor[backup.Database](), "databases."), jsonNames(reflect.TypeFor[backup.Distance](), "behind_main."), jsonNames(reflect.TypeFor[backup.Table](), "tables."), jsonNames(reflect.TypeFor[backup.Sequence](), "sequences."),
			jsonNames(reflect.TypeFor[backup.Media](), "media."), jsonNames(reflect.TypeFor[backup.Medium](), ""),
			jsonNames(reflect.TypeFor[cli.ListedBackup](), ""), jsonNames(reflect.TypeFor[backup.Verified](), ""), jsonNames(reflect.TypeFor[backup.Pruned](), ""), jsonNames(reflect.TypeFor[cli.VerifiedBackup](), "")),
		read(t, "restore.md"): slices.Concat(
			jsonNames(reflect.TypeFor[backup.Restored](), ""), jsonNames(reflect.TypeFor[backup.RestoredDatabase](), "databases."), jsonNames(reflect.TypeFor[backup.RestoredFile](), "files.")),
		read(t, "backup.md") + read(t, "restore.md"): constants(t, "../backup", "ProblemID"),
		read(t, "entity-cli.md"): slices.Concat(
			jsonNames(reflect.TypeFor[cli.ListedApplication](), ""), jsonNames(reflect.TypeFor[cli.ListedEntity](), "entities."), jsonNames(reflect.TypeFor[cli.DamagedEntity](), "damaged."),
			jsonNames(reflect.TypeFor[cli.ShownEntity](), ""), jsonNames(reflect.TypeFor[cli.SetEntity](), ""), jsonNames(reflect.TypeFor[cli.DeletedEntities](), ""),
			jsonNames(reflect.TypeFor[cli.ImportedEntities](), "")),
		read(t, "snapshot.md"): jsonNames(reflect.TypeFor[cli.Snapshot](), ""),
		updates: slices.Concat(
			jsonNames(reflect.TypeFor[cli.PendingUpdates](), ""), jsonNames(reflect.TypeFor[background.Pending](), "updates."),
			jsonNames(reflect.TypeFor[cli.PendingUpdate](), "updates."), jsonNames(reflect.TypeFor[background.Failure](), "updates.failure."),
			jsonNames(reflect.TypeFor[cli.UpdateRate](), "updates.rate."),
			jsonNames(reflect.TypeFor[cli.UpdatesRun](), ""), jsonNames(reflect.TypeFor[cli.UpdateRun](), "updates."),
			jsonNames(reflect.TypeFor[background.Left](), "left."), constants(t, "../background", "Reason"),
			jsonNames(reflect.TypeFor[cli.RetriedUpdates](), ""), jsonNames(reflect.TypeFor[cli.StartedJob](), ""), upstream.Jobs()),
	} {
		for _, name := range want {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("no page describes %s", name)
			}
		}
	}
}

func TestEveryFlagOfTheSchemaCommandsIsDescribed(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`(?m)^ +(?:-[a-z], )?(--[a-z-]+)`)
	described := regexp.MustCompile("(?m)^\\| `(?:-[a-z]`, `)?(--[a-z-]+)")
	for page, commands := range map[string][]string{
		"upgrade.md": {"upgrade"}, "status.md": {"status"}, "snapshot.md": {"snapshot"}, "restore.md": {"restore"}, "backup.md": {"backup create", "backup list", "backup show", "backup verify", "backup prune"}, "check.md": {"check"}, "create-database.md": {"create-database"}, "tune.md": {"tune"}, "relocale.md": {"relocale"}, "port-back.md": {"port-back"},
		"schema-dump.md": {"schema dump"}, "schema-split.md": {"schema split"},
		"updates.md":    {"updates list", "updates run", "updates retry", "updates start-job"},
		"start.md":      {"start"},
		"entity-cli.md": {"entity list", "entity show", "entity set", "entity delete", "entity export", "entity import", "entity reset", "entity gc"},
	} {
		var offered []string
		for _, command := range commands {
			var output bytes.Buffer
			args := slices.Concat([]string{"synapse"}, strings.Fields(command), []string{"--help"})
			if code := cli.Main(args, &output, &output); code != 0 {
				t.Fatalf("exit code %d\n%s", code, output.String())
			}
			_, flags, _ := strings.Cut(output.String(), "Flags:\n")
			offered = append(offered, names(flag, flags)...)
		}
		slices.Sort(offered)
		if diff := cmp.Diff(slices.Compact(offered), names(described, read(t, page))); diff != "" {
			t.Errorf("flags (-help +docs/%s):\n%s", page, diff)
		}
	}
}

// checksAndFixes are the names of all checks and the IDs of all fixes.
func checksAndFixes() []string {
	found := doctor.FixIDs()
	for _, check := range doctor.Checks() {
		found = append(found, check.Name)
	}
	return found
}

// names are what the first group of an expression finds.
func names(expression *regexp.Regexp, text string) []string {
	var found []string
	for _, match := range expression.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return found
}

// jsonNames are the names of a struct's own fields.
func jsonNames(of reflect.Type, before string) []string {
	var found []string
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			found = append(found, before+name)
		}
	}
	return found
}
