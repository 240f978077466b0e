package cli

import (
	"context"
	"os"
	"strings"

	"github.com/synapsedb/synapse/port"
)

// What a homeserver's database takes in PostgreSQL, in parts of what it takes in SQLite. The demo's takes 1.1 times as
// much; upstream's documentation speaks of 1.25 to 2.
const (
	leastGrowth = 1.0
	mostGrowth  = 2.0
)

// adviseSpace says before a port how much room it needs, and how much there is where that can be known. What it cannot
// find out, the checks of the port say better.
func (e *environment) adviseSpace(ctx context.Context, options port.Options) string {
	var size int64
	for _, name := range []string{options.Source, options.Source + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	space, err := options.Target.Space(ctx)
	if err != nil || size == 0 {
		return ""
	}
	return spaceAdvice(size, space.Used, space.Free, space.Known)
}

// spaceAdvice counts what the target holds already as room: a port fills the same tables again.
func spaceAdvice(source, used, free int64, known bool) string {
	least, most := int64(leastGrowth*float64(source)), int64(mostGrowth*float64(source))
	text := "Space       the source takes " + bytesText(source) + "; the target will take about " + bytesText(least) + " to " + bytesText(most)
	if !known {
		return text + "; how much is free on the server cannot be known from here"
	}
	text += "; " + bytesText(free) + " are free on the server's disk"
	switch room := free + used; {
	case room < least:
		return text + ".\nwarning: that will not be enough; a port that fills the disk stops, and can be run again when there is room"
	case room < most:
		return text + ".\nwarning: that may not be enough; a port that fills the disk stops, and can be run again when there is room"
	}
	return text
}

// next is what an operator does after a port.
func next(report *port.Report, configs []string) string {
	section := "a database section for the target"
	if len(configs) > 0 {
		section = "the database section of " + strings.Join(configs, ", ")
	}
	steps := []string{
		"Put " + section + " in the configuration, in place of the one that names SQLite, and start the homeserver.",
		"Keep the SQLite file until all is well, some days, and never start on it again: the two would go apart.",
	}
	if report.Source.InUse {
		steps = append([]string{"The source was in use. What is written there from now on is not in the target: stop the homeserver and run the port again."}, steps...)
	}
	if len(report.Enqueued) > 0 {
		steps = append(steps, "The homeserver builds its user directory in the background; searching for users finds few of them until then.")
	}
	steps = append(steps, "When you are sure to stay, `synapse port -c … --finish` removes what the next port would need from the target.")
	return strings.Join(steps, "\n            ")
}
