package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/port/convert"
)

// reportWriter writes lines and keeps the first error.
type reportWriter struct {
	writer io.Writer
	err    error
}

func (w *reportWriter) line(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.writer, format+"\n", args...)
	}
}

// writePortReport writes the report for people.
func writePortReport(writer io.Writer, report *port.Report, options port.Options) error {
	w := &reportWriter{writer: writer}
	if report.Result == port.ResultRefused {
		return nil // the error says it all
	}
	w.line("Source   %s (%s, schema %d, %s)", report.Source.Path, bytesText(report.Source.Bytes),
		report.Source.SchemaVersion, report.Source.Schema)
	w.line("Target   %s (PostgreSQL %s)", report.Target.Database, report.Target.ServerVersion)
	w.tables(report)
	w.deviations(report, options.Check)
	w.notes(report)
	w.result(report, options)
	return w.err
}

const mostListed = 12

// tables lists the largest ones.
func (w *reportWriter) tables(report *port.Report) {
	if report.Result != port.ResultOK {
		return
	}
	w.line("")
	columns := tabwriter.NewWriter(w.writer, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "table\trows\tchecksum of both sides\t")
	shown := largest(report.Tables, mostListed)
	for _, table := range shown {
		fmt.Fprintf(columns, "%s\t%s\t%s\t\n", table.Table, number(table.Rows), table.TargetChecksum)
	}
	var rest int64
	for _, table := range report.Tables {
		rest += table.Rows
	}
	for _, table := range shown {
		rest -= table.Rows
	}
	fmt.Fprintf(columns, "%d others\t%s\t\t\n", len(report.Tables)-len(shown), number(rest))
	if w.err == nil {
		w.err = columns.Flush()
	}
}

// deviations says what does not go over as it stands.
func (w *reportWriter) deviations(report *port.Report, all bool) {
	if len(report.Values) == 0 {
		return
	}
	w.line("")
	w.line("Values that do not go over as they stand:")
	for _, value := range report.Values {
		w.line("  %s%s: %d, %s: %s", value.Table, dotted(value.Column), value.Count, value.Class.Description(), actionText(value.Action, all))
	}
	w.line("")
	for i, value := range report.BadValues {
		if value.Class == convert.ClassConverted {
			continue
		}
		if i >= 100 && !all {
			w.line("  … the rest is in the report with --json")
			break
		}
		w.line("  %s: %s", actionText(value.Action, all), value)
	}
	if report.AsideFile != "" {
		w.line("")
		w.line("Their rows, as they were, are in %s (%d lines).", report.AsideFile, report.AsideRows)
	}
}

func dotted(column string) string {
	if column == "" {
		return ""
	}
	return "." + column
}

func actionText(action port.Action, would bool) string {
	text := map[port.Action]string{
		port.ActionConverted: "converted without loss",
		port.ActionRepaired:  "repaired with U+FFFD",
		port.ActionSetAside:  "row set aside",
	}[action]
	if would && action != port.ActionConverted {
		return text + " by --on-bad-value=repair"
	}
	return text
}

// notes lists what an operator should know besides.
func (w *reportWriter) notes(report *port.Report) {
	w.line("")
	for _, left := range report.Left {
		w.line("Not copied  %s: %s", left.Table, left.Reason)
	}
	if search := report.Search; search != nil && search.Orphans+search.Duplicates > 0 {
		w.line("Search      %d rows without their event and %d second rows of an event are dropped", search.Orphans, search.Duplicates)
	}
	if len(report.Enqueued) > 0 {
		w.line("Enqueued    %s: the homeserver builds its user directory when it starts", strings.Join(report.Enqueued, ", "))
	}
	for _, warning := range report.Warnings {
		w.line("Warning     %s", warning)
	}
}

func (w *reportWriter) result(report *port.Report, options port.Options) {
	var steps []string
	for _, step := range report.Steps {
		steps = append(steps, fmt.Sprintf("%s %.1f s", step.Phase, step.Seconds))
	}
	w.line("Time        %.1f s (%s)", report.Seconds, strings.Join(steps, ", "))
	switch report.Result {
	case port.ResultOK:
		proof := fmt.Sprintf("both sides are equal: counts and checksums of %d tables, foreign keys, %d sequences",
			len(report.Tables), len(report.Sequences))
		if options.NoVerify {
			proof = "not verified, as asked"
		}
		w.line("Ported      %s rows; %s.", number(report.Rows), proof)
		w.line("Next        point the homeserver's database section at the target and start it; keep the SQLite file until all is well.")
	case port.ResultClean:
		w.line("Checked     %s rows; nothing hinders a port.", number(report.Rows))
	}
}

func bytesText(bytes int64) string {
	const unit = 1000
	value, units := float64(bytes), []string{"bytes", "kB", "MB", "GB", "TB"}
	for len(units) > 1 && value >= unit {
		value, units = value/unit, units[1:]
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[0]
}
