package server

import (
	"context"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
)

// oldestForUpstream is the oldest major version with which upstream starts.
const oldestForUpstream = 14

// soon is how long before the end of support it is told.
const soon = 180 * 24 * time.Hour

// endOfSupport is the day of the last release of each major version (https://www.postgresql.org/support/versioning/).
var endOfSupport = map[int]time.Time{
	14: time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC),
	15: time.Date(2027, 11, 11, 0, 0, 0, 0, time.UTC),
	16: time.Date(2028, 11, 9, 0, 0, 0, 0, time.UTC),
	17: time.Date(2029, 11, 8, 0, 0, 0, 0, time.UTC),
	18: time.Date(2030, 11, 14, 0, 0, 0, 0, time.UTC),
}

const versionSQL = `SELECT current_setting('server_version_num')::int, current_setting('server_version')`

func checkVersion(ctx context.Context, subject *finding.Subject, now time.Time) ([]finding.Finding, error) {
	var number int
	var text string
	if err := subject.Session.QueryRow(ctx, versionSQL).Scan(&number, &text); err != nil {
		return nil, err
	}
	return judgeVersion(number, text, now), nil
}

// judgeVersion takes the version as a number (150004 is 15.4) and as a text.
func judgeVersion(number int, text string, now time.Time) []finding.Finding {
	major := number / 10000
	end, known := endOfSupport[major]
	upgrade := finding.Remedy{Text: "upgrade the server to a version that is supported for some years, with pg_upgrade or by dump and restore; " +
		"the locale of the new cluster's databases has to stay C"}
	result := finding.Finding{Evidence: []string{"server_version = " + text}, Remedy: upgrade}
	switch {
	case major < oldestForUpstream:
		result.ID, result.Severity = VersionTooOld, finding.Error
		result.What = fmt.Sprintf("the server is PostgreSQL %s; %d is the oldest with which the homeserver starts", text, oldestForUpstream)
		result.Meaning = "the homeserver refuses to start, and nobody mends the server's faults any more"
		if number < postgres.MinimumVersion {
			result.Meaning += "; this program does not work with it either"
		}
	case known && !now.Before(end):
		result.ID, result.Severity = VersionEnds, finding.Warning
		result.What = fmt.Sprintf("PostgreSQL %d is no longer supported since %s", major, end.Format(time.DateOnly))
		result.Meaning = "faults of the server, also those that lose data or let others in, are not mended any more, and the homeserver will stop to support it"
	case known && now.Add(soon).After(end):
		result.ID, result.Severity = VersionEnds, finding.Info
		result.What = fmt.Sprintf("PostgreSQL %d is supported until %s only", major, end.Format(time.DateOnly))
		result.Meaning = "after that day faults of the server are not mended any more"
	default:
		return nil
	}
	return []finding.Finding{result}
}
