package file

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

const pagesSQL = `SELECT p.page_count, f.freelist_count, s.page_size FROM pragma_page_count AS p, pragma_freelist_count AS f, pragma_page_size AS s`

// leastFree is how many bytes must be free to be worth a word.
const leastFree = 1 << 20

func checkSpace(ctx context.Context, from engine.Querier, _ string) ([]finding.Finding, error) {
	var pages, free, size int64
	if err := from.QueryRow(ctx, pagesSQL).Scan(&pages, &free, &size); err != nil {
		return nil, err
	}
	if free*size < leastFree || free*4 < pages {
		return nil, nil
	}
	return []finding.Finding{{
		ID: FreePages, Severity: finding.Info, What: fmt.Sprintf("%d MB of the %d MB of the file are free", free*size>>20, pages*size>>20),
		Evidence: []string{fmt.Sprintf("%d of %d pages of %d bytes are free", free, pages, size)},
		Meaning:  "they are used again for new rows, but not given back to the disk",
		Remedy: finding.Remedy{Text: "nothing, unless the disk is short: then VACUUM with the homeserver stopped, which needs the size of what is not free again on the disk",
			Commands: []string{"VACUUM;"}},
	}}, nil
}

// shellWord quotes a path for a shell.
func shellWord(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
