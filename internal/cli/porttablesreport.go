package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/synapsedb/synapse/port/tables"
)

func (e *environment) printPortTables(report *tables.Report, flags *portFlags) error {
	if flags.json {
		return e.printJSON(report)
	}
	if report.Result == tables.ResultRefused {
		return nil // the error says it all
	}
	w := &reportWriter{writer: e.stdout}
	w.line("Source   %s (%s %d)", report.Source.Database, report.Set, report.Version)
	w.line("Target   %s", report.Target.Database)
	if report.Leftover {
		w.line("Emptied  what an unfinished move had left in the target")
	}
	if report.Result == tables.ResultOK {
		w.movedTables(report)
	}
	w.badTableValues(report, flags.check)
	w.line("")
	for _, warning := range report.Warnings {
		w.line("Warning  %s", warning)
	}
	w.movedResult(report)
	return w.err
}

func (w *reportWriter) movedTables(report *tables.Report) {
	w.line("")
	columns := tabwriter.NewWriter(w.writer, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "table\t%12s\t%10s\t%8s\tchecksum, the same on both sides\n", "rows", "size", "time")
	for _, table := range report.Tables {
		fmt.Fprintf(columns, "%s\t%12s\t%10s\t%6.1f s\t%s\n", table.Table, number(table.Rows), bytesText(table.Bytes), table.Seconds, table.TargetChecksum)
	}
	if w.err == nil {
		w.err = columns.Flush()
	}
	for _, counter := range report.Counters {
		w.line("%s.%s goes on after %s", counter.Table, counter.Column, number(counter.Last))
	}
}

// badTableValues says what does not fit. A check lists all, everything else the first hundred.
func (w *reportWriter) badTableValues(report *tables.Report, all bool) {
	if len(report.Values) == 0 {
		return
	}
	w.line("")
	w.line("Values that do not fit into the target:")
	for _, value := range report.Values {
		w.line("  %s%s: %s × %s", value.Table, dotted(value.Column), number(value.Count), value.Class.Description())
	}
	w.line("")
	for i, bad := range report.BadValues {
		if i == mostBadValues && !all {
			w.line("  … and %s more; --check lists them", number(int64(len(report.BadValues)-i)))
			return
		}
		w.line("  %s", badTableValue(bad))
	}
}

func badTableValue(bad tables.BadValue) string {
	var key []string
	for _, part := range bad.Key {
		key = append(key, part.Column+"="+part.Value)
	}
	text := bad.Table + " (" + strings.Join(key, ", ") + ")" + dotted(bad.Column) + ": " + string(bad.Class)
	if bad.Column != "" {
		text += ": " + bad.Value
	}
	if bad.Detail != "" {
		text += " (" + bad.Detail + ")"
	}
	return text
}

func (w *reportWriter) movedResult(report *tables.Report) {
	var steps []string
	for _, step := range report.Steps {
		steps = append(steps, fmt.Sprintf("%s %.1f s", step.Phase, step.Seconds))
	}
	w.line("Time     %.1f s (%s)", report.Seconds, strings.Join(steps, ", "))
	switch report.Result { //nolint:exhaustive // the others end with an error that says it
	case tables.ResultOK:
		w.line("Moved    %s; both sides are equal: counts and checksums of %s.", rowsText(report.Rows), count(len(report.Tables), "table"))
		w.line("Next     give the program the target in place of the source. Keep the source until all is well, and never start on it again:")
		w.line("         the two would go apart.")
	case tables.ResultClean:
		w.line("Checked  %s; nothing hinders a move. Nothing was written.", rowsText(report.Rows))
	}
}
