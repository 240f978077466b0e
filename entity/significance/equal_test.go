package significance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/entity/significance"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		a, b string
		want bool
	}{
		"same bytes":                {`{"a":1}`, `{"a":1}`, true},
		"order of keys":             {`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		"white space":               {` { "a" : [ 1 , 2 ] } `, "{\"a\":[1,2]}\n", true},
		"order of elements":         {`[1,2]`, `[2,1]`, false},
		"one element more":          {`[1,2]`, `[1,2,2]`, false},
		"one member more":           {`{"a":1}`, `{"a":1,"b":1}`, false},
		"null is not missing":       {`{"a":null}`, `{}`, false},
		"another member":            {`{"a":1,"b":1}`, `{"a":1,"c":1}`, false},
		"another value":             {`{"a":{"b":[1,{"c":true}]}}`, `{"a":{"b":[1,{"c":false}]}}`, false},
		"number and text":           {`1`, `"1"`, false},
		"empty object and array":    {`{}`, `[]`, false},
		"true and false":            {`true`, `false`, false},
		"true and null":             {`true`, `null`, false},
		"false and white space":     {` false`, `false `, true},
		"last of a name":            {`{"a":1,"b":0,"a":2}`, `{"a":2,"b":0}`, true},
		"last of a name, differing": {`{"a":1,"a":2}`, `{"a":1}`, false},
		"escapes":                   {`{"\u0061":"\/\ud83d\ude00\n"}`, `{"a":"/😀\u000a"}`, true},
		"quotation mark in text":    {`"a\"b\\"`, `"a\u0022b\u005c"`, true},
		"no character":              {`"\ud800"`, `"\ufffd"`, true},
		"composed and decomposed":   {`"é"`, "\"e\u0301\"", false},
		"case":                      {`{"A":1}`, `{"a":1}`, false},
		"name within a name":        {`{"a.b":1}`, `{"a":{"b":1}}`, false},
		"1.0":                       {`1`, `1.0`, true},
		"1e0":                       {`1`, `1e0`, true},
		"10e-1":                     {`1`, `10e-1`, true},
		"0.1E+1":                    {`1`, `0.1E+1`, true},
		"1 and 10":                  {`1`, `10`, false},
		"100 and 1e2":               {`100`, `1e2`, true},
		"1.5 and 15":                {`1.5`, `15`, false},
		"sign":                      {`1`, `-1`, false},
		"negative zero":             {`0`, `-0`, true},
		"forms of zero":             {`0e999999999999999999999`, `-0.000E-3`, true},
		"zero and small":            {`0`, `1e-999999999999`, false},
		"beyond float64's digits":   {`9007199254740993`, `9007199254740992`, false},
		"long decimals":             {`0.1000000000000000055511151231257827`, `0.1`, false},
		"long and equal":            {`123456789012345678901234567890.10`, `12345678901234567890123456789010e-2`, true},
		"across the point":          {`12345.6789`, `123456789e-4`, true},
		"zeros within":              {`1000.0001`, `10000001e-4`, true},
		"other zeros within":        {`1000.0001`, `1000.001`, false},
		"large exponents":           {`1e999999999`, `10e999999998`, true},
		"large exponents, apart":    {`1e999999999`, `1e999999998`, false},
		"absurd exponents":          {`1e99999999999999999999`, `0.01e100000000000000000001`, true},
		"absurd exponents, apart":   {`1e99999999999999999999`, `1e100000000000000000000`, false},
		"absurd, negative":          {`10e-99999999999999999999`, `1e-99999999999999999998`, true},
		"between the two kinds":     {`1e1000000000`, `10e999999999`, true},
		"leading zeros of exponent": {`1e0000000000000000000000000002`, `100`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkEqual(t, test.a, test.b, test.want)
			checkEqual(t, test.b, test.a, test.want)
			checkEqual(t, test.a, " "+test.a, true)
		})
	}
}

func checkEqual(t *testing.T, a, b string, want bool) {
	t.Helper()
	equal, err := significance.Equal([]byte(a), []byte(b))
	if err != nil || equal != want {
		t.Fatalf("%s and %s: %v, %v", a, b, equal, err)
	}
}

func TestWhatIsNotJSONIsAnError(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"", " ", "{", `{"a":1}}`, "1 2", "nul", "01", "1.", `"a`, "NaN", "\x00", `{"a" 1}`, `[1,]`, strings.Repeat("[", 20000) + strings.Repeat("]", 20000)} {
		for number, pair := range [][2]string{{broken, "1"}, {"1", broken}} {
			_, err := significance.Equal([]byte(pair[0]), []byte(pair[1]))
			wrong, ok := errors.AsType[*significance.DocumentError](err)
			if !ok || wrong.Document != []string{"first", "second"}[number] {
				t.Errorf("%.20q: the error is %v", broken, err)
			}
		}
	}
	_, err := significance.Equal([]byte("1"), []byte("{"))
	if want := `compare JSON: the document "second": unexpected end of JSON input`; err == nil || err.Error() != want {
		t.Errorf("the error is %v", err)
	}
}

// model says what Equal has to, slowly. It reports false as ok for numbers that it cannot calculate with.
func model(a, b any) (equal, ok bool) {
	switch one := a.(type) {
	case json.Number:
		other, number := b.(json.Number)
		if !number {
			return false, true
		}
		return modelNumbers(one, other)
	case []any:
		other, array := b.([]any)
		if !array || len(one) != len(other) {
			return false, true
		}
		equal, ok = true, true
		for i := range one {
			same, known := model(one[i], other[i])
			equal, ok = equal && same, ok && known
		}
		return equal, ok
	case map[string]any:
		other, object := b.(map[string]any)
		if !object || len(one) != len(other) {
			return false, true
		}
		equal, ok = true, true
		for name := range one {
			value, found := other[name]
			same, known := model(one[name], value)
			equal, ok = equal && found && same, ok && known
		}
		return equal, ok
	}
	switch b.(type) {
	case []any, map[string]any:
		return false, true
	}
	return a == b, true
}

func modelNumbers(a, b json.Number) (equal, ok bool) {
	for _, number := range []json.Number{a, b} {
		_, power, _ := strings.Cut(strings.ToLower(number.String()), "e")
		if exponent, err := strconv.Atoi(power); power != "" && (err != nil || exponent > 2000 || exponent < -2000) {
			return false, false
		}
	}
	one, _ := new(big.Rat).SetString(a.String())
	other, _ := new(big.Rat).SetString(b.String())
	return one.Cmp(other) == 0, true
}

func decode(document []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows")
	}
	return decoded, nil
}

func FuzzEqual(f *testing.F) {
	for _, seed := range []string{`1`, `1.0e1`, `{"a":[1,"x",null],"b":-0}`, `{"b":-0.0,"a":[10e-1,"\u0078",null]}`, `{"a":1,"a":2}`, `"\ud800"`, `1e99999999999999999999`} {
		f.Add([]byte(seed), []byte(seed+" "))
		f.Add([]byte(seed), []byte(`{"a":2}`))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		agree(t, a, b)
	})
}

// agree compares Equal with the model.
func agree(t *testing.T, a, b []byte) {
	t.Helper()
	got, err := significance.Equal(a, b)
	turned, turnedErr := significance.Equal(b, a)
	if got != turned || (err == nil) != (turnedErr == nil) {
		t.Fatalf("%q and %q: %v (%v), the other way round %v (%v)", a, b, got, err, turned, turnedErr)
	}
	one, errOne := decode(a)
	other, errOther := decode(b)
	if valid := errOne == nil && errOther == nil; !valid {
		if err == nil && !bytes.Equal(a, b) {
			t.Fatalf("%q and %q: no error, but %v, %v", a, b, errOne, errOther)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q and %q: %v", a, b, err)
	}
	if want, ok := model(one, other); ok && got != want {
		t.Fatalf("%q and %q: %v", a, b, got)
	}
}

// writer writes one value in ways that differ, all of which mean the same.
type writer struct{ *rand.Rand }

func (w writer) space() string { return []string{"", "", " ", "\n\t"}[w.IntN(4)] }

func (w writer) write(value any) string {
	text := ""
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			text += strings.Repeat(",", min(i, 1)) + w.write(element)
		}
		text = "[" + text + w.space() + "]"
	case map[string]any:
		for name, member := range value { // in Go's own chance order
			if text != "" {
				text += ","
			}
			if w.IntN(10) == 0 {
				text += w.quoted(name) + ":0," // the last one counts
			}
			text += w.quoted(name) + w.space() + ":" + w.write(member)
		}
		text = "{" + text + w.space() + "}"
	case string:
		text = w.quoted(value)
	case int:
		text = w.number(value)
	default:
		text = fmt.Sprint(value)
	}
	return w.space() + text + w.space()
}

func (w writer) quoted(text string) string {
	quoted := ""
	for _, character := range text {
		if w.IntN(3) == 0 {
			quoted += fmt.Sprintf(`\u%04x`, character)
		} else {
			quoted += string(character)
		}
	}
	return w.space() + `"` + quoted + `"`
}

// number writes thousandths.
func (w writer) number(thousandths int) string {
	switch form := w.IntN(3); {
	case form == 0:
		return strconv.Itoa(thousandths) + "e-3"
	case form == 1 && thousandths != 0:
		return fmt.Sprintf("%d0000E-%02d", thousandths, 7)
	}
	sign := ""
	if thousandths < 0 {
		sign, thousandths = "-", -thousandths
	}
	return fmt.Sprintf("%s%d.%03d", sign, thousandths/1000, thousandths%1000)
}

func (w writer) value(depth int) any {
	switch kind := w.IntN(8); {
	case kind < 2 && depth > 0:
		array := make([]any, w.IntN(4))
		for i := range array {
			array[i] = w.value(depth - 1)
		}
		return array
	case kind < 5 && depth > 0:
		object := map[string]any{}
		for range w.IntN(5) {
			object[string(rune('a'+w.IntN(5)))+strings.Repeat("é", w.IntN(2))] = w.value(depth - 1)
		}
		return object
	case kind == 5:
		return w.IntN(2000) - 1000
	case kind == 6:
		return []string{"", "x", "on", "é"}[w.IntN(4)]
	}
	return []any{true, false, 0}[w.IntN(3)]
}

// TestWaysToWriteAValue holds what is equal, and mostly is not, to the model.
func TestWaysToWriteAValue(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := writer{rand.New(rand.NewPCG(seed, 8))}
	for range 3000 {
		value := w.value(4)
		a, b, c := w.write(value), w.write(value), w.write(w.value(2))
		checkEqual(t, a, b, true)
		agree(t, []byte(a), []byte(b))
		agree(t, []byte(a), []byte(c))
		agree(t, []byte("["+a+","+c+"]"), []byte("["+b+","+w.write(w.value(1))+"]"))
	}
}

func TestIdenticalDocumentsCostNoMemory(t *testing.T) { // not beside others, whose memory would be counted
	a, b := sensor(), sensor()
	if spent := testing.AllocsPerRun(100, func() { _, _ = significance.Equal(a, b) }); spent != 0 {
		t.Errorf("%v allocations", spent)
	}
}

// sensor is a document of about 200 bytes.
func sensor() []byte {
	return []byte(`{"temperature":21.53,"humidity":48,"battery":97,"unit":"°C","link":{"quality":181,"channel":15},"name":"living room, window","last_seen":"2026-11-21T20:14:03Z","firmware":"1.4.2-r7","ok":true,"x":null}`)
}

func BenchmarkEqual(b *testing.B) {
	for name, other := range map[string][]byte{
		"identical": sensor(),
		"changed":   bytes.Replace(sensor(), []byte("21.53"), []byte("21.54"), 1),
		"reordered": []byte(`{"x":null,"ok":true,"firmware":"1.4.2-r7","last_seen":"2026-11-21T20:14:03Z","name":"living room, window","link":{"channel":15,"quality":181},"unit":"°C","battery":97,"humidity":48,"temperature":21.53}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			document := sensor()
			for b.Loop() {
				if _, err := significance.Equal(document, other); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
