package port

import "testing"

// TestCanonicalJSONForgetsOnlyWhatJSONBForgets holds the checksum's form of jsonb to what the server does: order of
// keys, blanks, spelling of numbers and repeated keys go, everything else counts.
func TestCanonicalJSONForgetsOnlyWhatJSONBForgets(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{`{"b":1,"a":2}`, `{"a": 2, "b": 1}`, `{"b":7,"b":1,"a":2}`},
		{`1e5`, `100000`, `100000.0`, `1.0E+5`},
		{`2.50`, `2.5`}, {`0`, `-0`, `0e9`}, {`"\u00e9"`, `"é"`}, {`"\/"`, `"/"`}, {`[1, 2]`, `[1,2]`},
		{`12345678901234567890`, `12345678901234567890.0`},
	} {
		for _, other := range same[1:] {
			if one, two := string(canonicalJSON([]byte(same[0]))), string(canonicalJSON([]byte(other))); one != two {
				t.Errorf("%s and %s are the same jsonb, but become %s and %s", same[0], other, one, two)
			}
		}
	}
	forms := map[string]string{}
	for _, text := range []string{
		`{}`, `[]`, `null`, `""`, `0`, `false`, `"null"`, `{"a":null}`, `[1,2]`, `[2,1]`, `[[1],2]`, `[12]`, `"é"`, "\"e\u0301\"",
		`12345678901234567890`, `12345678901234567891`, `0.1`, `0.10000000000000001`, `"1"`, `1`, `{"a":[]}`, `{"a":{}}`, `"<"`,
	} {
		form := string(canonicalJSON([]byte(text)))
		if other, found := forms[form]; found {
			t.Errorf("%s and %s both become %s", text, other, form)
		}
		forms[form] = text
	}
}

func TestCanonicalJSONBoundsItsWork(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`1e999999999`, `-1E-100000000`, `1e+000000001`} {
		if got := string(canonicalJSON([]byte(text))); got != text {
			t.Errorf("%s becomes %.40q, want it left as it is", text, got)
		}
	}
}
