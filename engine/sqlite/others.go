package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// A process that has just opened the database, and is about to wait for the lock, cannot be told from a server; it gets
// this much time to show what it is.
const (
	othersPatience = 2 * time.Second
	othersInterval = 100 * time.Millisecond
)

// OtherSessions describes the other processes that have the file open, as far as this user may see them, and only on
// Linux; an upgrade is known by its lock file.
func (s *schemaSession) OtherSessions(ctx context.Context) ([]string, error) {
	if s.db.InMemory() {
		return nil, nil
	}
	target, err := filepath.EvalSymlinks(s.db.Path())
	if err != nil {
		return nil, pathError(s.db.Path(), err)
	}
	for begun := time.Now(); ; {
		others := otherProcesses(target, filepath.Base(target)+lockSuffix)
		if len(others) == 0 || time.Since(begun) >= othersPatience {
			return describeProcesses(others), nil
		}
		if err := engine.Wait(ctx, othersInterval); err != nil {
			return nil, fmt.Errorf("look who has %s open: %w", target, err)
		}
	}
}

// SessionsAtWork is always 0: there is no server whose processors and disks are shared.
func (s *schemaSession) SessionsAtWork(context.Context) (int, error) { return 0, nil }

func describeProcesses(processes []int) []string {
	var texts []string
	for _, process := range processes {
		texts = append(texts, describeProcess(process))
	}
	return texts
}
