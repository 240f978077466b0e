package sequences

import (
	"context"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// statement moves the sequence forward, whatever it has given out meanwhile, with setval(last, true) and not RESTART: upstream
// takes last_value itself for a position.
func (c *counter) statement() string {
	name := postgres.QuoteIdentifier(c.sequence)
	return fmt.Sprintf("SELECT setval(%s, greatest(last_value, %d), true) FROM %s;", postgres.QuoteLiteral(name), max(c.taken, c.position), name)
}

// instead is said because a homeserver's own message offers it.
const instead = "stop the homeserver and all its workers, and move the sequence forward. Do not delete the stream's rows of stream_positions, " +
	"as the homeserver's message offers: the sequence stays behind, so that ids are given out a second time which clients and workers have seen and will pass over; " +
	"and the rows come back, so that it has to be done before every start"

func (c *counter) behindFinding() finding.Finding {
	result := finding.Finding{
		ID: BehindTable, Severity: finding.Warning, Evidence: c.evidence(),
		What:    fmt.Sprintf("the sequence %s is behind: it has given out %d, and %s holds %d", c.sequence, c.last, c.where, c.taken),
		Meaning: "a homeserver before 1.109 does not start; a later one moves the sequence forward when it starts; whatever else uses it gets ids that are taken",
		Remedy: finding.Remedy{
			Text:     "stop the homeserver and all its workers, and move the sequence forward",
			Commands: []string{c.statement()}, Fix: FixID,
		},
	}
	switch {
	case c.position > c.last:
		c.behindPosition(&result)
	case c.owned:
		result.Severity = finding.Error
		result.Meaning = "new rows of the table are refused, since their numbers are taken; no homeserver moves this sequence"
	case c.stream.UserNumbers:
		result.Meaning = "guests and users without a name of their own cannot register: the numbers that they are given are taken; no homeserver moves this sequence"
	}
	return result
}

// behindPosition is for positions, which upstream compares with their sign.
func (c *counter) behindPosition(result *finding.Finding) {
	result.ID = BehindPosition
	result.What = fmt.Sprintf("the sequence %s is behind: it has given out %d, and stream_positions holds %d of the stream %s",
		c.sequence, c.last, c.position, c.stream.Name)
	result.Remedy.Text = instead
	if c.compared > c.last {
		result.Severity = finding.Error
		result.Meaning = `the homeserver refuses to start ("inconsistent sequences")`
		return
	}
	result.Meaning = "ids are given out a second time; the homeserver does not notice, since positions of this stream are negative"
}

func (c *counter) evidence() []string {
	lines := []string{fmt.Sprintf("the last number given out: %d", c.last)}
	if c.where != "" {
		lines = append(lines, fmt.Sprintf("the greatest of the tables: %d, in %s", c.taken, c.where))
	}
	if c.position > 0 {
		lines = append(lines, fmt.Sprintf("the greatest position of the stream %s: %d", c.stream.Name, c.position))
	}
	return lines
}

func (c *counter) exhaustedFinding() finding.Finding {
	return finding.Finding{
		ID: Exhausted, Severity: finding.Error, Evidence: c.evidence(),
		What:    fmt.Sprintf("no number is left for the sequence %s, which ends at %d", c.sequence, c.maximum),
		Meaning: "nothing that needs a number of it can be written any more",
		Remedy:  finding.Remedy{Text: "no homeserver comes that far: find the row with the great id, and how it came there; a restored backup is the safe way out"},
	}
}

// upstreamVersion is the version of upstream's whose sequences homeserver.Streams lists, all of them.
const upstreamVersion = 94

// missing finds sequences that this version of the schema has.
func (a *all) missing(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	state, err := schema.ReadState(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	ours := state.Owner == homeserver.SetName && state.Version == homeserver.Version
	if !ours && (state.Owner != schema.UpstreamsDatabase || state.Version != upstreamVersion) {
		return nil, nil
	}
	var found []finding.Finding
	for _, stream := range homeserver.Streams() {
		there := slices.ContainsFunc(a.counters, func(c *counter) bool { return c.sequence == stream.Sequence })
		if there || !subject.Holds(logical(stream)) {
			continue
		}
		c := a.counter(stream)
		if err := a.readTaken(ctx, subject.Session, c); err != nil {
			return nil, err
		}
		found = append(found, c.missingFinding())
	}
	return found, nil
}

// logical is the logical database that a sequence belongs to.
func logical(stream homeserver.Stream) string {
	if slices.Contains(homeserver.StateTables(), stream.Tables[0].Table) {
		return "state"
	}
	return "main"
}

func (c *counter) missingFinding() finding.Finding {
	commands := []string{fmt.Sprintf("CREATE SEQUENCE %s;", postgres.QuoteIdentifier(c.sequence))}
	if c.taken = max(c.taken, c.stream.Minimum); max(c.taken, c.position) > 0 {
		commands = append(commands, c.statement())
	}
	return finding.Finding{
		ID: Missing, Severity: finding.Error, What: fmt.Sprintf("the sequence %s is missing", c.sequence),
		Meaning: "the homeserver does not start, or fails wherever it needs a number of it", Evidence: c.evidence()[1:],
		Remedy: finding.Remedy{Text: "with the homeserver stopped, make it as the homeserver's role, ahead of all ids that are taken", Commands: commands},
	}
}

func (a *all) unknownFinding() []finding.Finding {
	if len(a.unknown) == 0 {
		return nil
	}
	return []finding.Finding{{
		ID: Unknown, Severity: finding.Info, Evidence: a.unknown,
		What:    fmt.Sprintf("of %d sequences this version does not know what they count", len(a.unknown)),
		Meaning: "whether they are ahead of all ids that are taken is not known; newer homeservers and modules make sequences of their own",
		Remedy:  finding.Remedy{Text: "nothing, or check with a newer version of this program"},
	}}
}

const streamNamesQuery = `SELECT stream_name, max(stream_id) FROM stream_positions GROUP BY stream_name ORDER BY stream_name COLLATE "C"`

// unknownPositions finds positions of streams that no sequence is known of.
func (a *all) unknownPositions(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	if !a.positions {
		return nil, nil
	}
	var lines []string
	err := engine.Each(ctx, from, streamNamesQuery, nil, func(scan func(...any) error) error {
		var name string
		var position int64
		err := scan(&name, &position)
		if !slices.ContainsFunc(homeserver.Streams(), func(stream homeserver.Stream) bool { return stream.Name == name }) {
			lines = append(lines, fmt.Sprintf("%s: %d", name, position))
		}
		return err
	})
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	return []finding.Finding{{
		ID: PositionUnknown, Severity: finding.Info, Evidence: lines,
		What:    fmt.Sprintf("stream_positions holds positions of %d streams that this version does not know", len(lines)),
		Meaning: "whether their sequences are ahead of them is not known; newer and much older homeservers have streams of other names",
		Remedy:  finding.Remedy{Text: "nothing, or check with a newer version of this program"},
	}}, nil
}
