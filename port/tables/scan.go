package tables

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// mostBadValues are listed one by one.
const mostBadValues = 10000

// scan reads the whole source and finds every value that the target does not take.
type scan struct {
	move   *move
	counts map[ValueCount]int64
	listed []BadValue
	rows   int64
}

func (m *move) scan(ctx context.Context) error {
	s := &scan{move: m, counts: map[ValueCount]int64{}}
	for _, table := range m.pairs {
		if err := s.table(ctx, table); err != nil {
			return err
		}
	}
	m.report.Rows = s.rows
	return s.report()
}

func (s *scan) table(ctx context.Context, table *pair) error {
	m := s.move
	checks := m.checks(table)
	err := m.source.each(ctx, m.source.session, table, ofSource, func(read *row) error {
		s.rows++
		m.meter.Add(1)
		length := 0
		for i, value := range read.values {
			length += len(value)
			class := read.classes[i]
			if c := &table.columns[i]; class == "" && !c.same {
				class = acceptValue(m.target.dialect, c.target, c.kind, value)
			}
			if class != "" {
				s.add(table, read.values, i, class, "")
			}
		}
		if length > m.most {
			s.add(table, read.values, -1, ClassTooLong, "")
		}
		for _, check := range checks {
			check.note(read.values)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, check := range checks {
		if err := check.finish(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// add takes down a bad value; column is -1 when it is about the row.
func (s *scan) add(table *pair, values [][]byte, column int, class Class, detail string) {
	counted := ValueCount{Table: table.name, Class: class}
	if column >= 0 {
		counted.Column = table.columns[column].target.name
	}
	s.counts[counted]++
	if len(s.listed) >= mostBadValues {
		return
	}
	bad := BadValue{Table: table.name, Key: []KeyValue{}, Column: counted.Column, Class: class, Detail: detail}
	for _, i := range table.key {
		bad.Key = append(bad.Key, KeyValue{Column: table.columns[i].target.name, Value: shown(table.columns[i].kind, values[i])})
	}
	if column >= 0 {
		bad.Value = shown(table.columns[column].kind, values[column])
	}
	s.listed = append(s.listed, bad)
}

func (s *scan) report() error {
	if len(s.counts) == 0 {
		return nil
	}
	var total int64
	for counted, count := range s.counts {
		counted.Count = count
		total += count
		s.move.report.Values = append(s.move.report.Values, counted)
	}
	slices.SortFunc(s.move.report.Values, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Class, b.Class))
	})
	s.move.report.BadValues = s.listed
	return &BadValuesError{Count: total}
}

// mostShown are the characters of a value in a message.
const mostShown = 60

// shown is the beginning of a value for people.
func shown(of kind, value []byte) string {
	if value == nil {
		return "NULL"
	}
	if of == anything {
		value = value[1:]
	}
	cut := len(value) > mostShown
	value = value[:min(len(value), mostShown)]
	for range utf8.UTFMax { // not half of a character
		if cut && len(value) > 0 && !utf8.Valid(value) {
			value = value[:len(value)-1]
		}
	}
	text := string(value)
	if !utf8.Valid(value) || bytes.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) || of == bytea {
		text = strings.TrimSuffix(fmt.Sprintf("%q", value), `"`)[1:]
	}
	if cut {
		text += "…"
	}
	return text
}
