package updates

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// required asks the set whether its code works before these updates are done.
func (l *look) required(ctx context.Context) ([]finding.Finding, error) {
	if l.subject.Set == nil || len(l.pending) == 0 {
		return nil, nil
	}
	_, err := schema.MakePlan(ctx, l.subject.Session, l.subject.Set, schema.Options{Databases: l.subject.Logical})
	pending, is := errors.AsType[*schema.PendingError](err)
	if !is {
		return nil, ctx.Err() // what else is wrong with the schema is another check's
	}
	return []finding.Finding{{
		ID: RequiredPending, Severity: finding.Error, Evidence: append(slices.Clone(pending.Updates), pending.SetAside...),
		What:    fmt.Sprintf("%d background updates are pending that the code needs", len(pending.Updates)),
		Meaning: "the code refuses to start before they are done",
		Remedy:  finding.Remedy{Text: "have them done", Commands: []string{"synapse updates run -c homeserver.yaml"}},
	}}, nil
}

// namedInFiles tells which updates the set's files mention in quotes, as what enqueues them does. nil: no files are known.
func namedInFiles(set *schema.Set) (func(string) bool, error) {
	if set == nil {
		return nil, nil //nolint:nilnil // nothing can be told
	}
	var all strings.Builder
	err := fs.WalkDir(set.Files(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(set.Files(), path)
		all.Write(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the schema files: %w", err)
	}
	text := all.String()
	return func(update string) bool {
		return strings.Contains(text, "'"+update+"'") || strings.Contains(text, `"`+update+`"`)
	}, nil
}

// usersQuery reads one row.
const usersQuery = "SELECT EXISTS (SELECT 1 FROM users)"

// directory finds a user directory that is not built, and that nothing will build.
func (l *look) directory(ctx context.Context) ([]finding.Finding, error) {
	state, err := schema.ReadState(ctx, l.subject.Session)
	if err != nil || !slices.Contains(state.Tables, homeserver.DirectoryPositionTable) || !slices.Contains(state.Tables, "users") || l.waits() {
		return nil, err
	}
	var position sql.NullInt64
	err = l.subject.Session.QueryRow(ctx, "SELECT stream_id FROM "+homeserver.DirectoryPositionTable).Scan(&position)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || position.Valid {
		return nil, err
	}
	var users bool
	if err := l.subject.Session.QueryRow(ctx, usersQuery).Scan(&users); err != nil || !users {
		return nil, err
	}
	return []finding.Finding{{
		ID: DirectoryMissing, Severity: finding.Warning, What: "the user directory was never built, and no background update is waiting to build it",
		Meaning: "users find nobody in the directory, and it is not kept up to date", Evidence: []string{homeserver.DirectoryPositionTable + ".stream_id is NULL"},
		Remedy: finding.Remedy{Text: "have the homeserver build it: enqueue the job, and restart the homeserver",
			Commands: []string{"synapse updates start-job -c homeserver.yaml regenerate_directory"}},
	}}, nil
}

// waits reports whether an update of the directory is pending.
func (l *look) waits() bool {
	for _, update := range homeserver.DirectoryUpdates() {
		for _, pending := range l.pending {
			if pending.Name == update.Name {
				return true
			}
		}
	}
	return false
}
