package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/port/convert"
)

// writePortReport writes the report for people.
func writePortReport(writer io.Writer, report *port.Report, options port.Options, configs []string) error {
	w := &reportWriter{writer: writer}
	if report.Result == port.ResultRefused {
		return nil // the error says it all
	}
	w.line("Source   %s (%s, schema %d, %s)", report.Source.Path, bytesText(report.Source.Bytes),
		report.Source.SchemaVersion, report.Source.Schema)
	w.targets(report)
	files := asideFiles(report)
	report = joined(report)
	w.tables(report)
	w.deviations(report, files, options.Check)
	w.notes(report)
	w.result(report, options)
	if report.Result == port.ResultOK {
		w.line("Next        %s", next(report, configs))
	}
	return w.err
}

func (w *reportWriter) targets(report *port.Report) {
	if report.State == nil {
		w.line("Target   %s (PostgreSQL %s)", report.Target.Database, report.Target.ServerVersion)
		return
	}
	w.line("Target   main: %s (PostgreSQL %s)", report.Target.Database, report.Target.ServerVersion)
	w.line("         state: %s (PostgreSQL %s)", report.State.Target.Database, report.State.Target.ServerVersion)
}

// joined is what the reports of main and of state say together. No table, sequence or value is in both.
func joined(report *port.Report) *port.Report {
	state := report.State
	if state == nil {
		return report
	}
	both := &port.Report{
		Result: report.Result, Mode: report.Mode, Source: report.Source, Seconds: report.Seconds, Steps: report.Steps,
		Rows: report.Rows + state.Rows, Tables: slices.Concat(report.Tables, state.Tables), Left: slices.Concat(report.Left, state.Left),
		Search: report.Search, Sequences: slices.Concat(report.Sequences, state.Sequences), Enqueued: report.Enqueued,
		Values: slices.Concat(report.Values, state.Values), BadValues: slices.Concat(report.BadValues, state.BadValues),
		Warnings: slices.Concat(report.Warnings, state.Warnings), State: state,
	}
	if state.Mode == port.ModeUpdated {
		both.Mode = state.Mode
	}
	converted := func(value port.Deviation) int {
		if value.Class == convert.ClassConverted {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(both.BadValues, func(a, b port.Deviation) int { return converted(a) - converted(b) })
	return both
}

// asideFiles are the lines about files of rows set aside: each target has its own.
func asideFiles(report *port.Report) []string {
	var lines []string
	for _, one := range []*port.Report{report, report.State} {
		if one != nil && one.AsideFile != "" {
			lines = append(lines, fmt.Sprintf("Their rows, as they were, are in %s (%s lines). It may hold secrets.", one.AsideFile, number(one.AsideRows)))
		}
	}
	return lines
}

const mostListed = 12

// tables lists the largest ones.
func (w *reportWriter) tables(report *port.Report) {
	if report.Result != port.ResultOK {
		return
	}
	w.line("")
	columns := tabwriter.NewWriter(w.writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, tableRow("table", "rows", "checksum, the same on both sides", report))
	shown := largest(report.Tables, mostListed)
	var rest int64
	for _, table := range report.Tables {
		rest += table.Rows
	}
	for _, table := range shown {
		fmt.Fprintln(columns, tableRow(table.Table, number(table.Rows), table.TargetChecksum, report))
		rest -= table.Rows
	}
	fmt.Fprintln(columns, tableRow(fmt.Sprintf("%d others", len(report.Tables)-len(shown)), number(rest), "", report))
	if w.err == nil {
		w.err = columns.Flush()
	}
}

// tableRow has no checksum when nothing was verified.
func tableRow(name, rows, checksum string, report *port.Report) string {
	row := fmt.Sprintf("%s\t%12s", name, rows)
	verified := len(report.Tables) > 0 && report.Tables[0].TargetChecksum != ""
	if verified && checksum != "" {
		row += "\t" + checksum
	}
	return row
}

// deviations says what does not go over as it stands. A check lists all, everything else the first hundred.
func (w *reportWriter) deviations(report *port.Report, files []string, all bool) {
	if len(report.Values) == 0 {
		return
	}
	would := report.Result == port.ResultClean || report.Result == port.ResultBadValues
	w.line("")
	w.line("Values that do not go over as they stand:")
	for _, value := range report.Values {
		w.line("  %s%s: %s × %s; %s", value.Table, dotted(value.Column), number(value.Count), value.Class.Description(), actionText(value.Action, would))
	}
	w.badValues(report, all, would)
	if len(files) > 0 {
		w.line("")
	}
	for _, file := range files {
		w.line("%s", file)
	}
}

const mostBadValues = 100

// badValues lists them one by one; they stand before those that were only converted.
func (w *reportWriter) badValues(report *port.Report, all, would bool) {
	for i, value := range report.BadValues {
		switch {
		case value.Class == convert.ClassConverted:
			return
		case i == 0:
			w.line("")
		case i >= mostBadValues && !all:
			w.line("  … and more: --json lists them")
			return
		}
		w.line("  %s: %s", actionText(value.Action, would), value)
	}
}

func dotted(column string) string {
	if column == "" {
		return ""
	}
	return "." + column
}

// actionText says what was done, or what would be done where nothing was written.
func actionText(action port.Action, would bool) string {
	done := map[port.Action]string{
		port.ActionConverted: "converted",
		port.ActionRepaired:  "repaired with U+FFFD",
		port.ActionSetAside:  "row set aside",
	}
	possible := map[port.Action]string{
		port.ActionConverted: "will be converted",
		port.ActionRepaired:  "can be repaired with U+FFFD",
		port.ActionSetAside:  "row can be set aside",
	}
	if would {
		return possible[action]
	}
	return done[action]
}

// notes lists what an operator should know besides.
func (w *reportWriter) notes(report *port.Report) {
	w.line("")
	if report.Result == port.ResultOK || report.Result == port.ResultClean {
		w.left(report.Left)
	}
	if search := report.Search; search != nil && search.Orphans > 0 {
		w.line("Left out    %s of the search index whose event is gone", rowsText(search.Orphans))
	}
	if search := report.Search; search != nil && search.Duplicates > 0 {
		w.line("Left out    %s of the search index for an event that has one already", rowsText(search.Duplicates))
	}
	if len(report.Enqueued) > 0 {
		w.line("Enqueued    %d background updates, by which the homeserver builds its user directory when it starts", len(report.Enqueued))
	}
	for _, warning := range report.Warnings {
		w.line("Warning     %s", warning)
	}
}

// left lists the tables that are not copied, those with the same reason together.
func (w *reportWriter) left(tables []port.LeftTable) {
	names := map[string][]string{}
	var reasons []string
	for _, table := range tables {
		if names[table.Reason] == nil {
			reasons = append(reasons, table.Reason)
		}
		names[table.Reason] = append(names[table.Reason], table.Table)
	}
	for _, reason := range reasons {
		w.line("Not copied  %s:\n            %s", reason, strings.Join(names[reason], ", "))
	}
}

func rowsText(count int64) string {
	if count == 1 {
		return "1 row"
	}
	return number(count) + " rows"
}

func (w *reportWriter) result(report *port.Report, options port.Options) {
	var steps []string
	for _, step := range report.Steps {
		steps = append(steps, fmt.Sprintf("%s %.1f s", step.Phase, step.Seconds))
	}
	w.line("Time        %.1f s (%s)", report.Seconds, strings.Join(steps, ", "))
	switch report.Result { //nolint:exhaustive // the others end with an error that says it
	case port.ResultOK:
		proof := fmt.Sprintf("both sides are equal: counts and checksums of %d tables, foreign keys, %d sequences",
			len(report.Tables), len(report.Sequences))
		if options.NoVerify {
			proof = "not verified, as asked"
		}
		w.line("Ported      %s rows; %s.", number(report.Rows), proof)
		w.changes(report, "were")
	case port.ResultClean:
		w.line("Checked     %s rows; nothing hinders a port. Nothing was written.", number(report.Rows))
		w.changes(report, "would be")
	}
}

// changes says how much of a target that had been filled before was written.
func (w *reportWriter) changes(report *port.Report, verb string) {
	if report.Mode != port.ModeUpdated {
		return
	}
	var inserted, deleted, tables int64
	for _, table := range report.Tables {
		inserted, deleted = inserted+table.Inserted, deleted+table.Deleted
		if table.Inserted+table.Deleted > 0 {
			tables++
		}
	}
	w.line("Changed     %s rows %s inserted and %s deleted, in %d of %d tables; a row that changed counts as one of each.",
		number(inserted), verb, number(deleted), tables, len(report.Tables))
}

func bytesText(bytes int64) string {
	const unit = 1000
	value, units := float64(bytes), []string{"bytes", "kB", "MB", "GB", "TB"}
	for len(units) > 1 && value >= unit {
		value, units = value/unit, units[1:]
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[0]
}
