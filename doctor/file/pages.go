package file

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// small is the size in bytes of a file of which every page is read without --deep.
const small = 256 << 20

// Each ends after so many complaints: it takes long to find what one damaged page has cost.
const (
	quickSQL     = "PRAGMA quick_check(50)"
	integritySQL = "PRAGMA integrity_check(500)"
)

// indexComplaint is what integrity_check alone says, and quick_check does not
// (https://www.sqlite.org/pragma.html#pragma_quick_check).
var indexComplaint = regexp.MustCompile(`^(?:row \S+ (?:missing from|values differ from)|rowid not at end-of-record for row \S+ of|wrong # of entries in|non-unique entry in) index (.+)$`)

func checkSmall(ctx context.Context, from engine.Querier, path string) ([]finding.Finding, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > small {
		return []finding.Finding{{
			ID: NotRead, Severity: finding.Info, What: fmt.Sprintf("the pages of the file were not read: it has %d MB", info.Size()>>20),
			Meaning: "whether a page is damaged is not known", Remedy: finding.Remedy{Text: "look at all of them, which takes some minutes", Commands: []string{"synapse check -c homeserver.yaml --deep"}},
		}}, nil
	}
	complaints, err := complaints(ctx, from, quickSQL)
	if err != nil || len(complaints) == 0 {
		return nil, err
	}
	return []finding.Finding{damaged(path, complaints)}, nil
}

// checkIntegrity tells apart what a rebuild of indexes mends.
func checkIntegrity(ctx context.Context, from engine.Querier, path string) ([]finding.Finding, error) {
	all, err := complaints(ctx, from, integritySQL)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	var indexes, pages, commands []string
	for _, complaint := range all {
		match := indexComplaint.FindStringSubmatch(complaint)
		if match == nil {
			pages = append(pages, complaint)
			continue
		}
		indexes = append(indexes, complaint)
		if command := "REINDEX " + sqlite.QuoteIdentifier(match[1]) + ";"; !slices.Contains(commands, command) {
			commands = append(commands, command)
		}
	}
	if len(pages) > 0 && !isSmall(path) { // of a small file checkSmall has said so
		found = append(found, damaged(path, pages))
	}
	if len(indexes) > 0 {
		found = append(found, finding.Finding{
			ID: IndexDamaged, Severity: finding.Error, What: "an index does not hold what its table holds", Evidence: indexes,
			Meaning: "rows are not found although they are there, and unique keys can be given twice",
			Remedy: finding.Remedy{Text: "keep a copy of the file, stop the homeserver, rebuild the indexes, and check again; " +
				"one that cannot be built has met duplicate keys: remove those first", Commands: commands},
		})
	}
	return found, nil
}

func isSmall(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() <= small
}

// complaints are empty for a sound file. What ends the check itself is a complaint, too, if it is damage.
func complaints(ctx context.Context, from engine.Querier, query string) (found []string, err error) {
	err = engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		if text != "ok" && err == nil {
			found = append(found, text)
		}
		return err
	})
	if err != nil && ctx.Err() == nil && sqlite.IsDamage(err) {
		return append(found, err.Error()), nil
	}
	return found, err
}
