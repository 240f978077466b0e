package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/synapsedb/synapse/port/checksum"
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

// equalTables lists tables that were compared and are equal.
func (w *reportWriter) equalTables(tables []checksum.TableReport) {
	columns := tabwriter.NewWriter(w.writer, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "table\t%12s\tchecksum, the same on both sides\n", "rows")
	for _, table := range tables {
		fmt.Fprintf(columns, "%s\t%12s\t%s\n", table.Table, number(table.Rows), table.TargetChecksum)
	}
	if w.err == nil {
		w.err = columns.Flush()
	}
}
