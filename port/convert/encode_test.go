package convert_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// fakeRow is a row of these values: nil, int64, float64, string (TEXT) or []byte (BLOB).
type fakeRow []any

func (r fakeRow) Type(column int) sqlite.Type {
	switch r[column].(type) {
	case nil:
		return sqlite.Null
	case int64:
		return sqlite.Integer
	case float64:
		return sqlite.Float
	case string:
		return sqlite.Text
	default:
		return sqlite.Blob
	}
}

func (r fakeRow) Int64(column int) int64 {
	value, _ := r[column].(int64)
	return value
}

func (r fakeRow) Float64(column int) float64 {
	value, _ := r[column].(float64)
	return value
}

func (r fakeRow) Append(column int, dst []byte) []byte {
	if text, is := r[column].(string); is {
		return append(dst, text...)
	}
	value, _ := r[column].([]byte)
	return append(dst, value...)
}

// encodeOne returns the bytes of a row's only field, nil for NULL, and the classes found.
func encodeOne(t testing.TB, column convert.Column, value any) ([]byte, []convert.Class) {
	t.Helper()
	row, findings := convert.NewEncoder([]convert.Column{column}, 0).Encode(nil, fakeRow{value})
	if fields := binary.BigEndian.Uint16(row); fields != 1 {
		t.Fatalf("%d fields in the row, want 1", fields)
	}
	field, rest := copybinary.NextField(row[2:])
	if len(rest) > 0 {
		t.Fatalf("%x stands after the row's only field", rest)
	}
	var classes []convert.Class
	for _, finding := range findings {
		if finding.Column != 0 {
			t.Errorf("a finding about column %d, there is only 0", finding.Column)
		}
		classes = append(classes, finding.Class)
	}
	return field, classes
}

const (
	converted = convert.ClassConverted
	outside   = convert.ClassRange
	fraction  = convert.ClassFraction
	notNumber = convert.ClassNotNumber
	blob      = convert.ClassBlob
	notBool   = convert.ClassNotBoolean
	tooLong   = convert.ClassTooLong
	null      = convert.ClassNull
	nul       = convert.ClassNUL
	invalid   = convert.ClassUTF8
	notJSON   = convert.ClassJSON
	badEscape = convert.ClassJSONEscape
)

func is(classes ...convert.Class) []convert.Class { return classes }

type encodeCase struct {
	name  string
	value any
	want  string // the field in hexadecimal, or its text behind a quotation mark; "NULL"; "" where the row cannot go
	found []convert.Class
}

func checkEncoding(t *testing.T, column convert.Column, cases []encodeCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			field, found := encodeOne(t, column, c.value)
			if difference := cmp.Diff(c.found, found); difference != "" {
				t.Errorf("findings (-want +got):\n%s", difference)
			}
			if c.want == "" {
				return
			}
			if got := shown(field, c.want); got != c.want {
				t.Errorf("field %s, want %s", got, c.want)
			}
		})
	}
}

func shown(field []byte, like string) string {
	switch {
	case field == nil:
		return "NULL"
	case like[0] == '"':
		return `"` + string(field)
	default:
		return hex.EncodeToString(field)
	}
}

func TestNullStaysNullInEveryKind(t *testing.T) {
	t.Parallel()
	for kind := convert.Bool; kind <= convert.JSONB; kind++ {
		if field, found := encodeOne(t, convert.Column{Kind: kind}, nil); field != nil || found != nil {
			t.Errorf("kind %d: NULL became %x, found %v", kind, field, found)
		}
		if _, found := encodeOne(t, convert.Column{Kind: kind, NotNull: true}, nil); !cmp.Equal(found, is(null)) {
			t.Errorf("kind %d: NULL where it is forbidden: found %v", kind, found)
		}
	}
}

func TestBooleans(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Bool}, []encodeCase{
		{"false", int64(0), "00", nil},
		{"true", int64(1), "01", nil},
		{"two", int64(2), "", is(notBool)},
		{"minus one", int64(-1), "", is(notBool)},
		{"float 1.0", 1.0, "01", is(converted)},
		{"fraction", 0.5, "", is(notBool)},
		{"infinity", math.Inf(1), "", is(notBool)},
		{"text 1", "1", "01", is(converted)},
		{"text f", "f", "", is(notBool)},
		{"text true", "true", "", is(notBool)},
		{"empty text", "", "", is(notBool)},
		{"blob", []byte{1}, "", is(blob)},
	})
}

func TestSmallIntegers(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Int2}, []encodeCase{
		{"most", int64(32767), "7fff", nil},
		{"least", int64(-32768), "8000", nil},
		{"above", int64(32768), "", is(outside)},
		{"below", int64(-32769), "", is(outside)},
		{"text", "-5", "fffb", is(converted)},
	})
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Int4}, []encodeCase{
		{"most", int64(math.MaxInt32), "7fffffff", nil},
		{"least", int64(math.MinInt32), "80000000", nil},
		{"above", int64(3_000_000_000), "", is(outside)},
		{"below", int64(-2_147_483_649), "", is(outside)},
		{"float above", 3e9, "", is(converted, outside)},
		{"fraction", 2.25, "", is(fraction)},
	})
}

func TestBigIntegers(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Int8}, []encodeCase{
		{"most", int64(math.MaxInt64), "7fffffffffffffff", nil},
		{"least", int64(math.MinInt64), "8000000000000000", nil},
		{"whole float", 1700000000000.0, "0000018bcfe56800", is(converted)},
		{"fraction", 1700000000000.5, "", is(fraction)},
		{"least float", -9223372036854775808.0, "8000000000000000", is(converted)},
		{"one above the most", 9223372036854775808.0, "", is(outside)},
		{"infinity", math.Inf(-1), "", is(outside)},
		{"text", "123", "000000000000007b", is(converted)},
		{"text least", "-9223372036854775808", "8000000000000000", is(converted)},
		{"text beyond 64 bits", "9223372036854775808", "", is(notNumber)},
		{"text with zeros in front", "00123", "", is(notNumber)},
		{"text with a plus", "+1", "", is(notNumber)},
		{"text minus zero", "-0", "", is(notNumber)},
		{"text with a blank", "1 ", "", is(notNumber)},
		{"text with an underscore", "1_000", "", is(notNumber)},
		{"text with a point", "1.0", "", is(notNumber)},
		{"word", "abc", "", is(notNumber)},
		{"blob of digits", []byte("123"), "", is(blob)},
	})
}

func TestFloats(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Float8}, []encodeCase{
		{"fraction", 0.5, "3fe0000000000000", nil},
		{"minus zero", math.Copysign(0, -1), "8000000000000000", nil},
		{"infinity", math.Inf(1), "7ff0000000000000", nil},
		{"integer", int64(2), "4000000000000000", nil},
		{"integer that a float cannot hold", int64(1)<<53 + 1, "", is(outside)},
		{"greatest integer", int64(math.MaxInt64), "", is(outside)},
		{"text of an integer", "2", "4000000000000000", is(converted)},
		{"word", "abc", "", is(notNumber)},
		{"blob", []byte{0}, "", is(blob)},
	})
}

func TestTexts(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Text}, []encodeCase{
		{"empty", "", `"`, nil},
		{"backslashes", `\N \. \x41`, `"\N \. \x41`, nil},
		{"beyond the basic plane", "👩‍👧", `"👩‍👧`, nil},
		{"not a character but valid", "\uFFFE\uFFFF", "\"\uFFFE\uFFFF", nil},
		{"controls", "\x01\x7f", "017f", nil},
		{"escape of U+0000", `\u0000`, `"\u0000`, nil},
		{"integer", int64(-7), `"-7`, is(converted)},
		{"float", 1e300, `"1e+300`, is(converted)},
		{"float without a fraction", 2.0, `"2.0`, is(converted)},
		{"blob of UTF-8", []byte("{}"), `"{}`, is(converted)},
		{"U+0000", "a\x00b\x00", "\"a\uFFFDb\uFFFD", is(nul)},
		{"cut sequence", "\xe2\x82", "\"\uFFFD\uFFFD", is(invalid)},
		{"byte that is never UTF-8", "f\xffg", "\"f\uFFFDg", is(invalid)},
		{"half of a surrogate pair", "\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD", is(invalid)},
		{"too long a form", "\xc0\x80", "\"\uFFFD\uFFFD", is(invalid)},
		{"beyond Unicode", "\xf4\x90\x80\x80", "\"\uFFFD\uFFFD\uFFFD\uFFFD", is(invalid)},
		{"both", "\x00\xff", "\"\uFFFD\uFFFD", is(nul, invalid)},
		{"blob of other bytes", []byte{0, 0xff, 0xfe}, "\"\uFFFD\uFFFD\uFFFD", is(nul, invalid)},
	})
}

func TestTextsForSearch(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Text, Search: true}, []encodeCase{
		{"U+0000 is a space", "a\x00b", `"a b`, is(converted)},
		{"other bytes", "a\xff", "\"a\uFFFD", is(invalid)},
		{"integer", int64(12), `"12`, is(converted)},
	})
}

func TestTextsOfLimitedLength(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Text, Length: 3}, []encodeCase{
		{"as many characters as fit", "жжж", `"жжж`, nil},
		{"one more", "abcd", "", is(tooLong)},
		{"blanks count", "abc ", "", is(tooLong)},
		{"after a repair", "a\x00b", "\"a\uFFFDb", is(nul)},
		{"number that is too long", int64(1234), "", is(converted, tooLong)},
		{"repaired and too long", "abc\x00", "", is(nul, tooLong)},
	})
	checkEncoding(t, convert.Column{Kind: convert.Text, Length: 3, Padded: true}, []encodeCase{
		{"padded: blanks at the end do not count", "abc   ", `"abc   `, nil},
		{"padded: others do", "a  b", "", is(tooLong)},
	})
}

func TestBytes(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.Bytea}, []encodeCase{
		{"blob", []byte{0, 0xff, '\\'}, "00ff5c", nil},
		{"empty", []byte{}, `"`, nil},
		{"text is its bytes", `\x41\101\\`, `"\x41\101\\`, nil},
		{"text with U+0000", "a\x00", "6100", nil},
		{"integer", int64(5), `"5`, is(converted)},
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.JSON}, []encodeCase{
		{"kept to the letter", `{"b": 1,"a":"\u0000"}`, `"{"b": 1,"a":"\u0000"}`, nil},
		{"cut short", `{"a":`, "", is(notJSON)},
		{"empty", "", "", is(notJSON)},
	})
}

func TestJSONB(t *testing.T) {
	t.Parallel()
	checkEncoding(t, convert.Column{Kind: convert.JSONB}, []encodeCase{
		{"object", `{"a":1}`, "\"\x01{\"a\":1}", nil},
		{"number", `1e5`, "\"\x011e5", nil},
		{"stored as a number", int64(5), "\"\x015", is(converted)},
		{"stored as a float", 2.5, "\"\x012.5", is(converted)},
		{"infinity", math.Inf(1), "", is(converted, notJSON)},
		{"blob", []byte(`{}`), "\"\x01{}", is(converted)},
		{"escaped backslash before u0000", `"\\u0000"`, "\"\x01\"\\\\u0000\"", nil},
		{"pair of surrogates", `"\ud83d\ude00"`, "\"\x01\"\\ud83d\\ude00\"", nil},
		{"U+0000", `"\u0000"`, "\"\x01\"\\ufffd\"", is(badEscape)},
		{"high surrogate alone", `"\ud83d"`, "\"\x01\"\\ufffd\"", is(badEscape)},
		{"low surrogate alone", `"x\uDE00y"`, "\"\x01\"x\\ufffdy\"", is(badEscape)},
		{"two high ones and a low one", `"\ud83d\ud83d\ude00"`, "\"\x01\"\\ufffd\\ud83d\\ude00\"", is(badEscape)},
		{"cut short", `{"a":`, "", is(notJSON)},
		{"raw U+0000 is repaired first", "{\"a\x00\":1}", "\"\x01{\"a\uFFFD\":1}", is(nul)},
	})
}

func TestRowsOfSeveralColumns(t *testing.T) {
	t.Parallel()
	columns := []convert.Column{
		{Name: "a", Kind: convert.Int4}, {Name: "b", Kind: convert.Text}, {Name: "c", Kind: convert.Bool, NotNull: true},
	}
	encoder := convert.NewEncoder(columns, 1)
	first, findings := encoder.Encode([]byte("before"), fakeRow{int64(99), "x", "\x00", nil})
	want := []convert.Finding{{Column: 0, Class: notNumber}, {Column: 1, Class: nul}, {Column: 2, Class: null}}
	if difference := cmp.Diff(want, findings); difference != "" {
		t.Errorf("findings (-want +got):\n%s", difference)
	}
	if !bytes.HasPrefix(first, []byte("before\x00\x03")) {
		t.Errorf("the row is not appended: %q", first)
	}
	if convert.Sendable(findings) || convert.Clean(findings) {
		t.Error("a row with a text in a column of numbers can be sent")
	}
	_, findings = encoder.Encode(nil, fakeRow{int64(99), int64(1), "\x00", int64(1)})
	if !convert.Sendable(findings) || convert.Clean(findings) {
		t.Errorf("a row that can be repaired: sendable %v, clean %v", convert.Sendable(findings), convert.Clean(findings))
	}
	_, findings = encoder.Encode(nil, fakeRow{int64(99), "1", "x", int64(1)})
	if !convert.Sendable(findings) || !convert.Clean(findings) {
		t.Errorf("a row that converts: sendable %v, clean %v", convert.Sendable(findings), convert.Clean(findings))
	}
}

func TestEveryClassIsDescribed(t *testing.T) {
	t.Parallel()
	for _, class := range is(converted, outside, fraction, notNumber, blob, notBool, tooLong, null, nul, invalid, notJSON,
		badEscape, convert.ClassIndexKey, convert.ClassSearch, convert.ClassDuplicate, convert.ClassMissingParent,
		convert.ClassRejected) {
		if class.Description() == "" {
			t.Errorf("%s has no description", class)
		}
	}
}

func TestKindsByTypeName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]convert.Kind{
		"bool": convert.Bool, "int2": convert.Int2, "int8": convert.Int8, "varchar": convert.Text, "bpchar": convert.Text,
		"bytea": convert.Bytea, "jsonb": convert.JSONB, "tsvector": convert.Unknown, "numeric": convert.Unknown,
	} {
		if got := convert.KindOf(name); got != want {
			t.Errorf("%s is kind %d, want %d", name, got, want)
		}
	}
}
