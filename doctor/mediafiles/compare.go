package mediafiles

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// entry is a file, or what stands for all that may be below it and is not looked at.
type entry struct {
	path []string
	size int64
	// closed says why it is not looked at; empty for a file.
	closed string
}

// difference is what one kind of rows and files do not have in common.
type difference struct {
	kind                    kind
	missing, sizes, closed  examples
	surplus                 examples
	surplusBytes, fileCount int64
}

// examples are the first of what was found, and the number of all.
type examples struct {
	first []string
	count int64
}

func (e *examples) add(text string) {
	e.count++
	if len(e.first) < finding.MostEvidence {
		e.first = append(e.first, text)
	}
}

// evidence is the first pieces, and how many more there are.
func (e *examples) evidence() []string {
	if more := e.count - int64(len(e.first)); more > 0 {
		return append(e.first[:len(e.first)-1:len(e.first)-1], fmt.Sprintf("and %d more", more+1))
	}
	return e.first
}

// compare merges the rows with a walk through the folder: both come in the same order, so that nothing has to be remembered.
func compare(ctx context.Context, from engine.Querier, store *os.Root, of kind) (*difference, error) {
	m := &merger{difference: &difference{kind: of}}
	next, stop := iter.Pull2(walk(ctx, store, of.folder))
	defer stop()
	m.nextFile = next
	collation := "BINARY"
	if from.Engine() == engine.Postgres {
		collation = `"C"`
	}
	if err := m.advance(); err != nil {
		return nil, err
	}
	err := engine.Each(ctx, from, of.statement(collation), nil, func(scan func(...any) error) error {
		var server, id, name string
		var size int64
		if err := scan(&server, &id, &name, &size); err != nil {
			return err
		}
		return m.row(of.path(server, id, name), size)
	})
	if err == nil {
		err = m.rest()
	}
	return m.difference, err
}

type merger struct {
	*difference

	nextFile func() (*entry, error, bool)
	file     *entry   // nil behind the last one
	last     []string // the path of the row before
}

func (m *merger) advance() error {
	file, err, more := m.nextFile()
	m.file = file
	if !more || err != nil {
		m.file = nil
		return err
	}
	if file.closed != "" {
		m.closed.add(m.name(file.path) + ": " + file.closed)
	} else {
		m.fileCount++
	}
	return nil
}

func (m *merger) row(at []string, size int64) error {
	if slices.Equal(at, m.last) {
		return nil // of the same file
	}
	m.last = at
	for m.file != nil && slices.Compare(m.file.path, at) < 0 {
		if m.file.closed != "" && below(at, m.file.path) {
			return nil
		}
		if err := m.pass(); err != nil {
			return err
		}
	}
	if m.file == nil || slices.Compare(m.file.path, at) > 0 {
		if size != needNotBeThere {
			m.missing.add(m.name(at))
		}
		return nil
	}
	if m.file.closed == "" && size >= 0 && m.file.size != size {
		m.sizes.add(fmt.Sprintf("%s: %d bytes, and its row says %d", m.name(at), m.file.size, size))
	}
	return m.advance()
}

// needNotBeThere is the size of media that was announced and not uploaded.
const needNotBeThere = -2

func below(at, folder []string) bool {
	return len(at) >= len(folder) && slices.Equal(at[:len(folder)], folder)
}

// pass leaves behind what has no row.
func (m *merger) pass() error {
	if m.file.closed == "" {
		m.surplus.add(m.name(m.file.path))
		m.surplusBytes += m.file.size
	}
	return m.advance()
}

func (m *merger) rest() error {
	for m.file != nil {
		if err := m.pass(); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) name(parts []string) string {
	return strings.Join(append([]string{string(m.kind.folder)}, parts...), "/")
}
