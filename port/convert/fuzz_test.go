package convert_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/synapsedb/synapse/port/convert"
)

// FuzzText proves that whatever a column of texts holds, the server gets UTF-8 without U+0000, and that a
// text that needs no repair goes over to the letter.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "plain", "a\x00b", "\xff", "\xed\xa0\x80", "\xe2\x82", "e\u0301", "\uFFFD", `\N`} {
		f.Add([]byte(text), 0)
	}
	f.Fuzz(func(t *testing.T, stored []byte, length int) {
		column := convert.Column{Kind: convert.Text, Length: length & 0xff}
		sent, found := encodeOne(t, column, string(stored))
		if !utf8.Valid(sent) || bytes.IndexByte(sent, 0) >= 0 {
			t.Fatalf("%q would be sent as %q", stored, sent)
		}
		good := utf8.Valid(stored) && bytes.IndexByte(stored, 0) < 0
		if good && !bytes.Equal(sent, stored) {
			t.Fatalf("%q, which is good, would be sent as %q", stored, sent)
		}
		tooLong := column.Length > 0 && utf8.RuneCount(sent) > column.Length
		if clean := len(found) == 0; clean != (good && !tooLong) {
			t.Fatalf("%q, at most %d characters: found %v", stored, column.Length, found)
		}
		if again, found := encodeOne(t, convert.Column{Kind: convert.Text}, string(sent)); len(found) > 0 || !bytes.Equal(again, sent) {
			t.Fatalf("%q, repaired once, is repaired again: %v", sent, found)
		}
	})
}

// FuzzJSON proves that what is sent as jsonb is JSON that PostgreSQL takes, and that its meaning stays.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":"\u0000"}`, `"\ud83d"`, `"\ud83d\ude00"`, `"\\u0000"`, `{"a":`, "{\"\x00\":1}", `[1e5,-0,null]`, `"\\\ud800"`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		sent, found := encodeOne(t, convert.Column{Kind: convert.JSONB}, string(stored))
		for _, class := range found {
			if !class.Repairable() {
				return
			}
		}
		if len(sent) == 0 || sent[0] != 1 {
			t.Fatalf("%q would be sent as %q, without jsonb's version", stored, sent)
		}
		sent = sent[1:]
		if !utf8.Valid(sent) || bytes.IndexByte(sent, 0) >= 0 || !json.Valid(sent) {
			t.Fatalf("%q would be sent as %q", stored, sent)
		}
		again, found := encodeOne(t, convert.Column{Kind: convert.JSONB}, string(sent))
		if len(found) > 0 || !bytes.Equal(again[1:], sent) {
			t.Fatalf("%q, repaired once, is repaired again: %v", sent, found)
		}
		var before, after any
		if json.Unmarshal(stored, &before) == nil && json.Unmarshal(sent, &after) == nil && !bytes.Contains(stored, []byte(`\u`)) &&
			utf8.Valid(stored) && !bytes.Equal(stored, sent) {
			t.Fatalf("%q, which is good, would be sent as %q", stored, sent)
		}
	})
}
