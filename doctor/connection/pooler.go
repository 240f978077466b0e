package connection

import (
	"context"

	"github.com/synapsedb/synapse/doctor/finding"
)

// pooler tells the two kinds apart by two connections at once: only in transaction mode are they served by one session of the server.
func (f *failure) pooler(ctx context.Context) finding.Finding {
	found := finding.Finding{
		ID: PoolerSessions, Severity: finding.Warning,
		What:     "a pooler stands between this program and the server; as far as could be seen each connection has a session of its own",
		Meaning:  "a homeserver works through a pooler in session mode, and fails through one in transaction mode; nothing else of this database was checked",
		Evidence: []string{f.config.Describe(), "the process that serves the connection is not the one that the connection began with"},
		Remedy:   finding.Remedy{Text: "have pool_mode = session for this database in the pooler's configuration; run this check with host and port of the server itself"},
	}
	shared, err := f.config.SharesSessions(ctx)
	if err != nil {
		found.Evidence = append(found.Evidence, "whether it shares sessions is not known: "+err.Error())
	}
	if shared {
		found.ID, found.Severity = PoolerTransactions, finding.Error
		found.What = "a pooler in transaction mode stands between this program and the server"
		found.Meaning = "settings that the homeserver makes for its session (isolation, statement_timeout) reach the sessions of others, and what it has prepared or locked is gone in its next transaction"
		found.Evidence = append(found.Evidence, "two connections, open at the same time, were served by one session of the server")
		found.Remedy.Text = "set pool_mode = session for this database in the pooler's configuration, or give host and port of the server itself in database.args: the homeserver has a pool of its own"
	}
	return found
}
