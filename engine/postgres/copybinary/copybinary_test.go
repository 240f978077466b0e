package copybinary_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
)

// stream is three rows: of two fields, of a NULL and an empty one, and of none.
func stream() (data []byte, rows [][]byte) {
	data = copybinary.AppendHeader(nil)
	first := copybinary.AppendField(copybinary.AppendField(nil, []byte("PGCOPY\n")), bytes.Repeat([]byte{0xff}, 300))
	second := copybinary.AppendField(copybinary.AppendNull(nil), nil)
	data = append(copybinary.AppendRow(data, 2), first...)
	data = append(copybinary.AppendRow(data, 2), second...)
	data = copybinary.AppendRow(data, 0)
	return copybinary.AppendTrailer(data), [][]byte{first, second, {}}
}

// collect returns a splitter that keeps a copy of each row.
func collect(rows *[][]byte) *copybinary.Splitter {
	return &copybinary.Splitter{Row: func(fields []byte) error {
		*rows = append(*rows, append([]byte{}, fields...))
		return nil
	}}
}

func TestSplitterTakesAStreamCutAtEveryByte(t *testing.T) {
	t.Parallel()
	data, want := stream()
	for cut := range len(data) + 1 {
		var got [][]byte
		splitter := collect(&got)
		for _, piece := range [][]byte{data[:cut], data[cut:]} {
			if n, err := splitter.Write(bytes.Clone(piece)); err != nil || n != len(piece) {
				t.Fatalf("cut at %d: wrote %d of %d: %v", cut, n, len(piece), err)
			}
		}
		if difference := cmp.Diff(want, got); difference != "" || !splitter.Complete() {
			t.Fatalf("cut at %d, complete %v (-want +got):\n%s", cut, splitter.Complete(), difference)
		}
	}
}

func TestSplitterTakesAStreamByteByByte(t *testing.T) {
	t.Parallel()
	data, want := stream()
	var got [][]byte
	splitter := collect(&got)
	buffer := make([]byte, 1)
	for at := range data {
		if splitter.Complete() {
			t.Fatalf("complete before the trailer, at %d of %d", at, len(data))
		}
		buffer[0] = data[at] // one buffer for all: what was written must not be kept by reference
		if _, err := splitter.Write(buffer); err != nil {
			t.Fatal(err)
		}
	}
	if difference := cmp.Diff(want, got); difference != "" || !splitter.Complete() {
		t.Fatalf("complete %v (-want +got):\n%s", splitter.Complete(), difference)
	}
}

func TestSplitterNoticesTheEndIsMissing(t *testing.T) {
	t.Parallel()
	data, _ := stream()
	for length := range data {
		var rows [][]byte
		splitter := collect(&rows)
		if _, err := splitter.Write(data[:length]); err != nil {
			t.Fatal(err)
		}
		if splitter.Complete() {
			t.Fatalf("complete after %d of %d bytes", length, len(data))
		}
	}
}

func TestSplitterRefusesAnotherFormat(t *testing.T) {
	t.Parallel()
	_, err := collect(new([][]byte)).Write([]byte("1\ttext form of COPY\n2\tmore\n"))
	if !errors.Is(err, copybinary.ErrFormat) {
		t.Errorf("%v, want ErrFormat", err)
	}
}

func TestSplitterPassesOnWhatRowReturns(t *testing.T) {
	t.Parallel()
	data, _ := stream()
	enough := errors.New("enough")
	rows := 0
	splitter := &copybinary.Splitter{Row: func([]byte) error { rows++; return enough }}
	if _, err := splitter.Write(data); !errors.Is(err, enough) || rows != 1 {
		t.Errorf("after %d rows: %v", rows, err)
	}
}

func TestFieldsAreFramedInPlace(t *testing.T) {
	t.Parallel()
	begun := copybinary.BeginField([]byte("before"))
	begun = append(begun, "value"...)
	copybinary.EndField(begun, len("before"))
	if want := copybinary.AppendField([]byte("before"), []byte("value")); !bytes.Equal(begun, want) {
		t.Errorf("%q, want %q", begun, want)
	}
}

func TestNextField(t *testing.T) {
	t.Parallel()
	fields := copybinary.AppendField(copybinary.AppendNull(copybinary.AppendField(nil, []byte{})), []byte("x"))
	empty, rest := copybinary.NextField(fields)
	null, rest := copybinary.NextField(rest)
	last, rest := copybinary.NextField(rest)
	if empty == nil || len(empty) > 0 || null != nil || string(last) != "x" || len(rest) > 0 {
		t.Errorf("fields %#v, %#v, %q, rest %q", empty, null, last, rest)
	}
	if grown := append(empty, 'y'); &grown[0] == &fields[4] { //nolint:gocritic // that it grows elsewhere is the point
		t.Error("a field that is appended to writes over the next one")
	}
}
