package cli

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/doctor/relocale"
)

// relocaleDisplay says on standard error which part begins, and now and then how far it is.
type relocaleDisplay struct {
	writer io.Writer
	mutex  sync.Mutex
	phase  relocale.Phase
	said   time.Time
}

func (e *environment) showRelocale() *relocaleDisplay { return &relocaleDisplay{writer: e.stderr} }

func (d *relocaleDisplay) update(progress relocale.Progress) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	begins := progress.Phase != d.phase
	if !begins && time.Since(d.said) < sayEvery {
		return
	}
	d.phase, d.said = progress.Phase, time.Now()
	text := map[relocale.Phase]string{
		relocale.PhaseCheck: "Reading the old database for what hinders", relocale.PhaseDump: "Dumping the old database",
		relocale.PhaseRestore: "Restoring into the new database", relocale.PhaseAnalyze: "Analyzing the new database",
		relocale.PhaseVerify: "Comparing both databases", relocale.PhaseFinish: "Finishing",
	}[progress.Phase]
	if !begins && progress.Total > 0 {
		text += fmt.Sprintf(": %d %%", progress.Done*100/progress.Total)
	}
	fmt.Fprintln(d.writer, text)
}

func localeText(locale relocale.Locale) string {
	text := fmt.Sprintf("collation %s, character type %s", locale.Collate, locale.CType)
	if locale.Provider != "libc" {
		text += fmt.Sprintf(", provided by %s as %s", locale.Provider, locale.Of)
	}
	return text
}

// confirmRelocale says what will be done, and asks.
func (e *environment) confirmRelocale(report *relocale.Report, input io.Reader) bool {
	fmt.Fprintf(e.stderr, "%s (%s, %s) will accept no more connections, and be copied into the new database %s, of %s, with locale C.\n"+
		"It is not changed otherwise.\n", report.Source, bytesText(report.Bytes), localeText(report.Locale), report.Target, report.Owner)
	return e.agreed(input)
}

func (e *environment) printRelocale(result *Relocale, configured config.Database, asJSON bool) error {
	if asJSON {
		return e.printJSON(result)
	}
	w := &reportWriter{writer: e.stdout}
	switch result.Result {
	case relocale.Done:
		w.moved(result, configured)
	case relocale.Clean:
		w.line("Checked  %s, %s, %s: nothing hinders a move. Nothing was changed.", result.Source, bytesText(result.Bytes), localeText(result.Locale))
		w.inPlace(result.InPlace)
	default: // the error says it all
	}
	return w.err
}

func (w *reportWriter) moved(result *Relocale, configured config.Database) {
	w.line("Old      %s (%s)", result.Source, localeText(result.Locale))
	w.line("New      %s (locale C), of %s", result.Target, result.Owner)
	if result.Leftover {
		w.line("Removed  what a killed run had left")
	}
	w.line("")
	w.equalTables(result.Tables)
	w.line("")
	w.line("Time     %.1f s", result.Seconds)
	w.line("Moved    %s; both sides are equal: counts and checksums of %s, %s, %s of definitions.", rowsText(result.Rows),
		count(len(result.Tables), "table"), count(result.Sequences, "sequence"), count(result.Definitions, "line"))
	w.line("Next     Put this in place of the section in %s, for all workers too, and only then start the homeserver:\n", configured.Position.File)
	w.line("%s", result.Section)
	w.line("Back     %s accepts no connections and is as it was. Until the homeserver has written to the new one,", result.Source)
	w.line("         this, run in another database, and the old section lead back to it (or: synapse relocale --undo):")
	for _, statement := range result.GoBack {
		w.line("         %s;", statement)
	}
	w.line("Later    when the homeserver has run well for some days and the new database was backed up:")
	w.line("         %s;", result.Drop)
}

func (w *reportWriter) inPlace(other *relocale.InPlace) {
	if other == nil {
		return
	}
	w.line("\nThe other way changes the locale of the database itself, and is dangerous:")
	for _, danger := range other.Dangers {
		w.line("  - %s", danger)
	}
	w.line("Only if, before,")
	for _, before := range other.Before {
		w.line("  - %s,", before)
	}
	w.line("these lines are for psql, as a superuser; none may fail:")
	for _, command := range other.Commands {
		w.line("    %s", command)
	}
}

func (e *environment) printUndo(report *relocale.Report, asJSON bool) error {
	if asJSON {
		return e.printJSON(report)
	}
	w := &reportWriter{writer: e.stdout}
	switch report.Result {
	case relocale.Undone:
		w.line("Undone   %s accepts connections.", report.Source)
		for _, name := range report.Removed {
			w.line("Dropped  the unfinished database %s", name)
		}
		if report.Target != "" {
			w.line("Kept     %s, which it was moved to. What was written there since is not in %s.", report.Target, report.Source)
		}
	case relocale.Nothing:
		w.line("Nothing  is to be undone: %s accepts connections, and nothing unfinished is there.", report.Source)
	default: // the error says it all
	}
	return w.err
}

// relocaleSection is the section for homeserver.yaml after a move: what its file says now, with the name of the new database.
// Passwords are not shown.
func relocaleSection(loaded *config.Config, configured config.Database, to string) (string, error) {
	now, err := sectionsOf(loaded)
	if err != nil {
		return "", err
	}
	for i, item := range now {
		if item.Key == configured.Label {
			now[i].Value = naming(item.Value, to)
		}
	}
	section := yaml.MapSlice{{Key: "databases", Value: now}}
	if len(now) == 1 {
		section = yaml.MapSlice{{Key: "database", Value: now[0].Value}}
	}
	text, err := yaml.MarshalWithOptions(section, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write the section of the database: %w", err)
	}
	return string(text), nil
}

// naming gives the arguments of a section another database. allow_unsafe_locale is not needed any more.
func naming(section any, to string) any {
	keys, _ := section.(yaml.MapSlice)
	keys = slices.DeleteFunc(slices.Clone(keys), func(item yaml.MapItem) bool { return item.Key == "allow_unsafe_locale" })
	for i, item := range keys {
		if item.Key != "args" {
			continue
		}
		args, _ := item.Value.(yaml.MapSlice)
		at := slices.IndexFunc(args, func(item yaml.MapItem) bool { return item.Key == "dbname" || item.Key == "database" })
		args = slices.Clone(args)
		if at < 0 {
			args = append(args, yaml.MapItem{Key: "dbname", Value: to})
		} else {
			args[at].Value = to
		}
		keys[i].Value = args
	}
	return keys
}
