package dump_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/dump"
	"github.com/synapsedb/synapse/entity/table"
)

var moment = time.Date(2026, 11, 21, 20, 30, 0, 123_456_000, time.UTC)

func row(id, state, attributes, locals string) table.Row {
	return table.Row{
		ID: id, State: []byte(state), Attributes: []byte(attributes), Locals: []byte(locals),
		LastChanged: moment, LastWritten: moment.Add(time.Microsecond),
	}
}

func example() []dump.Application {
	removed := row("old", `"<b>&\u2028"`, `{"b":1.0,"a":1e2}`, `{"x":null}`)
	removed.Removed, removed.Definition = moment.Add(time.Hour), 3
	return []dump.Application{
		{
			Application: table.Application{ID: "porch", Name: "Porch & <garden>"},
			Rows:        []table.Row{row("lamp ☃", `true`, `{}`, `{}`), removed},
			Damaged: []table.Damaged{
				{Row: row("lamp ☃", `{"cut`, ``, "\xff\x00"), Found: moment, Problem: "it is no JSON: \"x\"\nand more"},
				{Row: row("lamp ☃", `{ "a": 1 }`, `{}`, `{}`), Found: moment.Add(time.Microsecond), Problem: "again"},
			},
		},
		{Application: table.Application{ID: "empty"}},
	}
}

const exampleText = `{"format":"synapse entities","version":1}
{"application":"porch","name":"Porch & <garden>"}
{"id":"lamp ☃","state":true,"attributes":{},"locals":{},"last_changed":"2026-11-21T20:30:00.123456Z","last_written":"2026-11-21T20:30:00.123457Z"}
{"id":"old","state":"<b>&\u2028","attributes":{"b":1.0,"a":1e2},"locals":{"x":null},"definition":3,"last_changed":"2026-11-21T20:30:00.123456Z","last_written":"2026-11-21T20:30:00.123457Z","removed":"2026-11-21T21:30:00.123456Z"}
{"id":"lamp ☃","found":"2026-11-21T20:30:00.123456Z","problem":"it is no JSON: \"x\"\nand more","state_base64":"eyJjdXQ=","attributes_base64":"","locals_base64":"/wA=","last_changed":"2026-11-21T20:30:00.123456Z","last_written":"2026-11-21T20:30:00.123457Z"}
{"id":"lamp ☃","found":"2026-11-21T20:30:00.123457Z","problem":"again","state_base64":"eyAiYSI6IDEgfQ==","attributes":{},"locals":{},"last_changed":"2026-11-21T20:30:00.123456Z","last_written":"2026-11-21T20:30:00.123457Z"}
{"application":"empty"}
{"end":{"applications":2,"entities":2,"damaged":2}}
`

func TestWhatIsWrittenIsReadByteForByte(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	if err := dump.Write(&written, example()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleText, written.String()); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	read, err := dump.Read(&written)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), read); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestReadKnowsWhereAFileIsCutOff(t *testing.T) {
	t.Parallel()
	for length := range len(exampleText) {
		if _, err := dump.Read(strings.NewReader(exampleText[:length])); err == nil {
			t.Errorf("the first %d bytes are taken for a whole file", length)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const (
		first = `{"format":"synapse entities","version":1}` + "\n"
		porch = `{"application":"porch"}` + "\n"
		times = `"last_changed":"2026-11-21T20:30:00Z","last_written":"2026-11-21T20:30:00Z"}` + "\n"
		lamp  = `{"id":"lamp","state":1,"attributes":{},"locals":{},` + times
		aside = `{"id":"lamp","found":"2026-11-21T20:30:00Z","state":1,"attributes":{},"locals":{},` + times
		end   = `{"end":{"applications":1,"entities":1,"damaged":0}}` + "\n"
	)
	if _, err := dump.Read(strings.NewReader(first + porch + lamp + end)); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]struct{ text, want string }{
		"another file":           {"{}\n", "line 1: it is no export of entities; nothing of the file was taken"},
		"no JSON":                {"hello\n", "line 1: it is no export of entities"},
		"a newer version":        {`{"format":"synapse entities","version":2,"more":1}` + "\n", "line 1: the file is of version 2, and this program reads version 1"},
		"an unknown field":       {first + `{"application":"porch","secret":1}` + "\n", `line 2: it cannot be read: json: unknown field "secret"`},
		"two values":             {first + `{"application":"porch"}{}` + "\n", "line 2: there is more than one value in it"},
		"nothing known":          {first + "{}\n", "line 2: it is neither an application nor an entity nor the end"},
		"no application":         {first + lamp, "line 2: an entity stands before its application"},
		"a bad application":      {first + `{"application":""}` + "\n", "line 2: the id \"\" is empty"},
		"a bad id":               {first + porch + strings.Replace(lamp, "lamp", "lamp ", 1), `line 3: entity "lamp ": the id "lamp " ends in a space`},
		"an application twice":   {first + porch + porch, `line 3: application "porch": it is there twice`},
		"an entity twice":        {first + porch + lamp + lamp, `line 4: entity "lamp": it is there twice`},
		"a damaged entity twice": {first + porch + aside + aside, `line 4: damaged entity "lamp": it is there twice`},
		"no state":               {first + porch + strings.Replace(lamp, `"state":1,`, ``, 1), `entity "lamp": either state or state_base64 has to be there`},
		"two states":             {first + porch + strings.Replace(lamp, `"state":1,`, `"state":1,"state_base64":"",`, 1), `entity "lamp": either state or state_base64 has to be there`},
		"no time":                {first + porch + strings.Replace(lamp, `"last_written"`, `"removed"`, 1), `entity "lamp": last_changed or last_written is missing`},
		"other counts":           {first + porch + end, "line 3: the file says that it has 1 applications, 1 entities and 0 damaged ones, and it has 1, 0 and 0"},
		"more behind the end":    {first + porch + lamp + end + porch, "line 5: something stands behind the end"},
		"no end":                 {first + porch + lamp, "line 4: the file ends here, and is not complete"},
		"nothing":                {"", "line 1: the file ends here, and is not complete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dump.Read(strings.NewReader(refused.text))
			if err == nil || !strings.Contains(err.Error(), refused.want) {
				t.Errorf("got %v, want %s", err, refused.want)
			}
		})
	}
}

// FuzzRead looks for files that are read differently from what they are written as.
func FuzzRead(f *testing.F) {
	f.Add([]byte(exampleText))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := dump.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var written bytes.Buffer
		if err := dump.Write(&written, read); err != nil {
			return // a time that is after the year 9999 in UTC
		}
		again, err := dump.Read(&written)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, again); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}
