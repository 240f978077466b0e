package data

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// repair is what a script does to one table.
type repair struct {
	table string
	// number tells the tables of a script apart, and saved is where the deleted rows go.
	number int
	saved  string
	// order and key say how the newest row is told, for the reader.
	found []*duplicates
	// rows are all copies that were seen, the deleted ones among them.
	rows    []copyOf
	deleted map[string]bool
	columns []string
	// more says that further keys were only counted.
	more bool
}

// foreignConstraint is a foreign key that points to a table, with the statements that drop it and make it again.
type foreignConstraint struct{ drop, add string }

// script writes the parts of a script for an engine.
type script interface {
	begin(w io.Writer, repairs []*repair)
	// prove ends the script unless the rows are those that were seen.
	prove(w io.Writer, one *repair)
	// mend saves the rows, deletes them, and makes the indexes of the table anew.
	mend(w io.Writer, one *repair)
	end(w io.Writer, repairs []*repair)
	// prepare reads what it has to know of the tables.
	prepare(ctx context.Context, from engine.Querier, repairs []*repair) error
}

// WriteRepair writes a script of SQL that deletes all copies but the newest of every key that is there more than once: one transaction, which
// first proves that the rows are still those that are seen now, and saves what it deletes. It asks create for where to write only
// when there is something to delete, and returns how many rows that is.
func WriteRepair(ctx context.Context, subject *finding.Subject, create func() (io.Writer, error)) (rows int, err error) {
	repairs, err := planRepairs(ctx, subject)
	if err != nil || len(repairs) == 0 {
		return 0, err
	}
	parts := tablesOf(subject.Session).script()
	if err := parts.prepare(ctx, subject.Session, repairs); err != nil {
		return 0, err
	}
	to, err := create()
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(to) // it keeps the first error until Flush
	parts.begin(w, repairs)
	for _, one := range repairs {
		parts.prove(w, one)
	}
	for _, one := range repairs {
		parts.mend(w, one)
		rows += len(one.deleted)
	}
	parts.end(w, repairs)
	if err := w.Flush(); err != nil {
		return 0, fmt.Errorf("write the repair script: %w", err)
	}
	return rows, nil
}

func planRepairs(ctx context.Context, subject *finding.Subject) (repairs []*repair, err error) {
	stamp := time.Now().UTC().Format("20060102_150405")
	err = eachDuplicates(ctx, subject.Session, mostKeys, func(twice *duplicates) error {
		at := slices.IndexFunc(repairs, func(one *repair) bool { return one.table == twice.key.table })
		if at < 0 {
			at = len(repairs)
			repairs = append(repairs, &repair{
				table: twice.key.table, number: at + 1, saved: fmt.Sprintf("synapse_repair_%s_%d", stamp, at+1), deleted: map[string]bool{},
			})
		}
		repairs[at].add(twice)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, one := range repairs {
		if one.columns, err = tablesOf(subject.Session).columns(ctx, one.table); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(repairs, func(one *repair) bool { return len(one.deleted) == 0 }), nil
}

// add chooses what to delete for one key of the table. What is deleted for another one already is gone; what was kept for another is
// kept here, too, where it can be.
func (r *repair) add(twice *duplicates) {
	kept := map[string]bool{}
	for _, row := range r.rows {
		kept[row.Place] = !r.deleted[row.Place]
	}
	r.more = r.more || twice.keys > int64(len(twice.groups))
	for _, group := range twice.groups {
		left := slices.DeleteFunc(slices.Clone(group), func(row copyOf) bool { return r.deleted[row.Place] })
		slices.SortStableFunc(left, func(a, b copyOf) int { return cmp.Compare(choice(kept[a.Place]), choice(kept[b.Place])) })
		for _, row := range left[min(1, len(left)):] {
			r.deleted[row.Place] = true
		}
		for _, row := range group {
			if _, seen := kept[row.Place]; !seen {
				r.rows = append(r.rows, row)
			}
		}
	}
	r.found = append(r.found, twice)
}

func choice(kept bool) int {
	if kept {
		return 0
	}
	return 1
}

// comments say for the reader what is deleted, and why this row and not the other.
func (r *repair) comments(w io.Writer) {
	for _, twice := range r.found {
		fmt.Fprintf(w, "-- %s: %s more than once, %s too many\n", oneLine(twice.key.String()), keysAre(twice.keys), number(twice.surplus, "row"))
		for _, group := range twice.groups {
			fmt.Fprintf(w, "--   %s\n", oneLine(twice.line(group)))
		}
	}
	if r.more {
		fmt.Fprintf(w, "-- Only the first %d keys of each index are in this script: have it written again after it was run.\n", mostKeys)
	}
}

// oneLine keeps what stands in rows from ending a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\u2028' || r == '\u2029' || r == '\u0085' {
			return ' '
		}
		return r
	}, text)
}

func header(w io.Writer, repairs []*repair, how string) {
	rows := 0
	for _, one := range repairs {
		rows += len(one.deleted)
	}
	fmt.Fprintf(w, "-- Deletes %s whose keys are there more than once, and makes the indexes of these tables anew.\n", number(int64(rows), "row"))
	fmt.Fprintf(w, "-- Read it, back up the database, stop the homeserver and all its workers, and run it:\n--   %s\n", how)
	fmt.Fprint(w, "-- It is one transaction, which first proves that the rows are still those that were seen, and saves what it deletes in tables:\n")
	for _, one := range repairs {
		fmt.Fprintf(w, "--   %s: rows of %s; drop it when nothing is missed\n", one.saved, oneLine(one.table))
	}
	fmt.Fprint(w, "-- To keep another copy than the newest, exchange true and false of its rows in the lists below.\n\n")
}
