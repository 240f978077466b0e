package port

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/schema"
)

// Policy says what to do about values that PostgreSQL cannot take as they are.
type Policy string

// The policies.
const (
	Fail   Policy = "fail"   // stop before the first write, naming the first one
	Repair Policy = "repair" // put U+FFFD where that mends a text, set other rows aside in a file
)

// DefaultBatchSize is the most rows that one COPY carries.
const DefaultBatchSize = 10_000

// Options say what to move and how.
type Options struct {
	Source     string           // path of the SQLite database
	Target     *postgres.Config // where it goes
	State      *postgres.Config // where the logical database state goes; nil when Target takes that, too
	ServerName string           // of the homeserver, to compare with the users of the source; "" to not compare

	// Upstream is the schema of the Python homeserver whose database the source is. An empty target is prepared with it;
	// nil refuses one. A source of our own set needs none.
	Upstream *schema.Set

	BatchSize    int    // most rows in one COPY; DefaultBatchSize when 0
	Jobs         int    // how many connections work at a time; DefaultJobs() when 0
	OnBadValue   Policy // Fail when empty
	SetAsideFile string // where rows go that Repair cannot convert; named after the time when empty
	Check        bool   // do all the checks, write nothing
	NoVerify     bool   // leave out the comparison of both sides at the end

	// DiscardTargetChanges has a port make a target equal to the source again that somebody else has written to since the last
	// port was complete. Without it such a target is refused.
	DiscardTargetChanges bool

	// Reconnect is for how long to try to connect again when the server is lost; DefaultReconnect when 0, not at all when negative.
	Reconnect time.Duration

	Progress *Progress    // is kept up to date while the port runs; may be nil
	Log      *slog.Logger // may be nil
}

// DefaultJobs returns how many connections work at a time when nothing else is said: the
// processors of this machine, at least 2 and at most 4.
func DefaultJobs() int { return min(4, max(2, runtime.NumCPU())) }

// withDefaults returns the options with what was left out filled in.
func (o Options) withDefaults() (Options, error) {
	if o.BatchSize < 0 || o.Jobs < 0 {
		return o, fmt.Errorf("batch size %d and jobs %d must not be negative", o.BatchSize, o.Jobs)
	}
	if o.OnBadValue == "" {
		o.OnBadValue = Fail
	}
	if o.OnBadValue != Fail && o.OnBadValue != Repair {
		return o, fmt.Errorf("unknown policy %q for bad values: it is %q or %q", o.OnBadValue, Fail, Repair)
	}
	if o.BatchSize == 0 {
		o.BatchSize = DefaultBatchSize
	}
	if o.Jobs == 0 {
		o.Jobs = DefaultJobs()
	}
	if o.Reconnect == 0 {
		o.Reconnect = DefaultReconnect
	}
	if o.SetAsideFile == "" {
		o.SetAsideFile = time.Now().UTC().Format("synapse-port-set-aside-20060102T150405Z.jsonl")
	}
	if o.Progress == nil {
		o.Progress = NewProgress()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}
