package cli

import (
	"context"
	"fmt"
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
func (e *environment) adviseSpace(ctx context.Context, options port.Options) {
	var size int64
	for _, name := range []string{options.Source, options.Source + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	room, err := roomOf(ctx, options)
	if err == nil && size > 0 {
		fmt.Fprintln(e.stderr, spaceAdvice(size, room))
	}
}

// room is where a port's rows can go.
type room struct {
	targets string // in words
	used    int64  // bytes, by what the targets hold already
	free    int64  // bytes on the server's disk; on the fuller one of two
	sum     int64  // bytes on both disks
	known   bool   // whether what is free is known
}

// roomOf looks at both targets together: how much each will take is known only when the source was read.
func roomOf(ctx context.Context, options port.Options) (room, error) {
	space, err := options.Target.Space(ctx)
	if err != nil {
		return room{}, err
	}
	all := room{targets: "the target", used: space.Used, free: space.Free, sum: space.Free, known: space.Known}
	if options.State == nil {
		return all, nil
	}
	state, err := options.State.Space(ctx)
	if err != nil {
		return room{}, err
	}
	all.targets, all.used, all.known = "both targets together", all.used+state.Used, all.known && state.Known
	all.free = min(space.Free, state.Free)
	if apart := max(space.Free, state.Free) - all.free; apart > all.free/oneDisk { // otherwise it is one disk, seen twice
		all.sum = space.Free + state.Free
	}
	return all, nil
}

// oneDisk is by which part of it what is free may change from one look to the next.
const oneDisk = 100

// spaceAdvice counts what the targets hold already as room: a port fills the same tables again.
func spaceAdvice(source int64, room room) string {
	least, most := int64(leastGrowth*float64(source)), int64(mostGrowth*float64(source))
	text := "Space       the source takes " + bytesText(source) + "; " + room.targets + " will take about " + bytesText(least) + " to " + bytesText(most)
	switch {
	case !room.known:
		return text + "; how much is free on the server cannot be known from here"
	case room.sum > room.free:
		text += "; " + bytesText(room.free) + " are free on the fuller one of the disks, " + bytesText(room.sum) + " on both"
	default:
		text += "; " + bytesText(room.free) + " are free on the server's disk"
	}
	switch {
	case room.sum+room.used < least:
		return text + ".\nwarning: that will not be enough; a port that fills the disk stops, and can be run again when there is room"
	case room.free+room.used < most:
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
	if report.State != nil {
		section = strings.Replace(strings.Replace(section, "the database section", "the section `databases`", 1), "a database section for the target", "a section `databases` for both targets", 1)
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
