package copybinary_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
)

func row(fields ...[]byte) []byte {
	encoded := copybinary.AppendRow(nil, len(fields))
	for _, field := range fields {
		if field == nil {
			encoded = copybinary.AppendNull(encoded)
		} else {
			encoded = copybinary.AppendField(encoded, field)
		}
	}
	return encoded
}

func TestArraysHoldWhatTheFieldsDo(t *testing.T) {
	rows := append(row([]byte("ä"), []byte{0, 0, 0, 0, 0, 0, 0, 7}), row(nil, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe})...)
	rows = append(rows, row([]byte{}, nil)...)
	used, err := copybinary.Arrays(nil, append(slices.Clone(rows), rows...), []uint32{pgtype.TextOID, pgtype.Int8OID})
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := copybinary.Arrays(used, rows, []uint32{pgtype.TextOID, pgtype.Int8OID})
	if err != nil {
		t.Fatal(err)
	}
	var texts []*string
	var numbers []*int64
	types := pgtype.NewMap()
	if err := types.Scan(pgtype.TextArrayOID, pgtype.BinaryFormatCode, arrays[0], &texts); err != nil {
		t.Fatal(err)
	}
	if err := types.Scan(pgtype.Int8ArrayOID, pgtype.BinaryFormatCode, arrays[1], &numbers); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*string{new("ä"), nil, new("")}, texts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]*int64{new(int64(7)), new(int64(-2)), nil}, numbers); diff != "" {
		t.Error(diff)
	}
}

func TestArraysRefuseWhatIsNoRow(t *testing.T) {
	whole := row([]byte("a"), []byte("b"))
	for cut := 1; cut < len(whole); cut++ {
		if _, err := copybinary.Arrays(nil, whole[:cut], []uint32{pgtype.TextOID, pgtype.TextOID}); !errors.Is(err, copybinary.ErrFormat) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
	if _, err := copybinary.Arrays(nil, whole, []uint32{pgtype.TextOID}); !errors.Is(err, copybinary.ErrFormat) {
		t.Errorf("rows of two fields taken for rows of one: %v", err)
	}
}
