package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/synapsedb/synapse/port/back"
)

func (w *reportWriter) backSides(report *back.Report) {
	for _, source := range report.Sources {
		w.line("Source   %s (PostgreSQL %s): %s", source.Database, source.ServerVersion, strings.Join(source.Logical, ", "))
	}
	size := ""
	if report.Target.Bytes > 0 {
		size = bytesText(report.Target.Bytes) + ", "
	}
	w.line("Target   %s (%sschema %d, %s)", report.Target.Path, size, report.Target.SchemaVersion, report.Target.Set)
}

// backTables lists the largest ones.
func (w *reportWriter) backTables(report *back.Report) {
	w.line("")
	columns := tabwriter.NewWriter(w.writer, 0, 0, 2, ' ', 0)
	verified := len(report.Tables) > 0 && report.Tables[0].TargetChecksum != ""
	row := func(name, rows, checksum string) {
		line := fmt.Sprintf("%s\t%12s", name, rows)
		if verified && checksum != "" {
			line += "\t" + checksum
		}
		fmt.Fprintln(columns, line)
	}
	row("table", "rows", "checksum, the same on both sides")
	sorted := byRows(report.Tables)
	shown := sorted[:min(len(sorted), mostListed)]
	rest := report.Rows
	for _, table := range shown {
		row(table.Table, number(table.Rows), table.TargetChecksum)
		rest -= table.Rows
	}
	row(fmt.Sprintf("%d others", len(sorted)-len(shown)), number(rest), "")
	if w.err == nil {
		w.err = columns.Flush()
	}
}

func (w *reportWriter) backNotes(report *back.Report) {
	w.line("")
	if report.Result == back.ResultOK || report.Result == back.ResultClean {
		names := map[string][]string{}
		var reasons []string
		for _, table := range report.Left {
			if names[table.Reason] == nil {
				reasons = append(reasons, table.Reason)
			}
			names[table.Reason] = append(names[table.Reason], table.Table)
		}
		for _, reason := range reasons {
			w.line("Not copied  %s:\n            %s", reason, strings.Join(names[reason], ", "))
		}
	}
	if report.Result == back.ResultOK && len(report.Enqueued) > 0 {
		w.line("Enqueued    %d background updates, by which the homeserver fills its search index and user directory:\n            %s",
			len(report.Enqueued), strings.Join(report.Enqueued, ", "))
	}
	for _, warning := range report.Warnings {
		w.line("Warning     %s", warning)
	}
}

func (w *reportWriter) backResult(report *back.Report, flags *portBackFlags) {
	var steps []string
	for _, step := range report.Steps {
		steps = append(steps, fmt.Sprintf("%s %.1f s", step.Phase, step.Seconds))
	}
	w.line("Time        %.1f s (%s)", report.Seconds, strings.Join(steps, ", "))
	switch report.Result { //nolint:exhaustive // the others end with an error that says it
	case back.ResultClean:
		w.line("Checked     nothing hinders a move. Nothing was written.")
	case back.ResultOK:
		proof := fmt.Sprintf("both sides are equal: counts and checksums of %d tables, and SQLite's own checks", len(report.Tables))
		if flags.noVerify {
			proof = "not compared, as asked"
		}
		w.line("Moved       %s rows; %s.", number(report.Rows), proof)
		w.line("Next        give the file to the user of the homeserver, then put into homeserver.yaml, in place of its database section:")
		w.line("            database:\n              name: sqlite3\n              args:\n                database: %s", report.Target.Path)
		w.line("            Start it without workers. Keep the PostgreSQL database until all is well.")
	}
}
