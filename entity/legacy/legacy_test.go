package legacy_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/legacy"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

var (
	written      = time.Date(2026, 2, 6, 10, 20, 30, 456_000_000, time.UTC)
	localWritten = time.Date(2026, 2, 7, 8, 0, 0, 0, time.UTC)
)

// row is what a row of the other library becomes.
func row(id, state, attributes, locals string) table.Row {
	return table.Row{ID: id, State: []byte(state), Attributes: []byte(attributes), Locals: []byte(locals), LastChanged: written, LastWritten: written}
}

// Two applications share a database. One row of each domain, with the keys in the library's order.
func TestReadTellsStateFromConfiguration(t *testing.T) {
	t.Parallel()
	domains := []struct{ id, stored, state, attributes string }{
		{"binary_sensor", `{"device_class":"motion","is_on":true,"icon":"mdi:run","name":"b","suggested_object_id":"b","unique_id":"binary_sensor"}`, `true`, `{}`},
		{"button", `{"device_class":"restart","name":"b","unique_id":"button"}`, `null`, `{}`},
		{"date", `{"native_value":"2024-01-02","attributes":{"source": "calendar"},"name":"d","unique_id":"date"}`, `"2024-01-02"`, `{"source":"calendar"}`},
		{"date unset", `{"name":"d","unique_id":"date unset"}`, `null`, `{}`},
		{"datetime", `{"native_value":"2024-01-02T03:04:05.000Z","name":"d","unique_id":"datetime"}`, `"2024-01-02T03:04:05.000Z"`, `{}`},
		{"lock", `{"changed_by":"ann","code_format":"^\\d+$","is_locked":true,"is_locking":false,"supported_features":1,"name":"l","unique_id":"lock"}`,
			`{"changed_by":"ann","is_locked":true,"is_locking":false}`, `{}`},
		{"number", `{"device_class":"temperature","unit_of_measurement":"°C","mode":"box","native_max_value":30,"native_min_value":5,"step":0.5,"native_value":21.5,"name":"n","unique_id":"number"}`, `21.5`, `{}`},
		{"scene", `{"name":"s","unique_id":"scene"}`, `null`, `{}`},
		{"select", `{"current_option":"eco","options":["eco","away"],"name":"s","unique_id":"select"}`, `"eco"`, `{}`},
		{"sensor", `{"device_class":"energy","state":1234567890123456789,"unit_of_measurement":"kWh","last_reset":"2026-01-01T00:00:00.000Z","suggested_display_precision":1,` +
			`"suggested_unit_of_measurement":"MWh","attributes":{"a":[1,{"b":null}]},"device_id":"sub","entity_category":"diagnostic","disabled":false,"translation_key":"k","name":"s","unique_id":"sensor"}`,
			`1234567890123456789`, `{"a":[1,{"b":null}],"last_reset":"2026-01-01T00:00:00.000Z"}`},
		{"switch", `{"is_on":false,"name":"sw","unique_id":"switch"}`, `false`, `{}`},
		{"text", `{"mode":"password","native_max":9,"native_min":1,"pattern":".*","native_value":"<b> & \"☃\" \u0001","name":"t","unique_id":"text"}`, `"<b> & \"☃\" \u0001"`, `{}`},
		{"time", `{"native_value":"12:34:56","name":"t","unique_id":"time"}`, `"12:34:56"`, `{}`},
	}
	entities := []entity{{"app B", "only B's", `{"state":"on","name":"x","unique_id":"only B's"}`, modified}}
	want := legacy.Application{
		Application: table.Application{ID: "app-A", Name: "name of app-A"},
		Configuration: map[string]int{
			"code_format": 1, "device_class": 4, "device_id": 1, "disabled": 1, "entity_category": 1, "icon": 1, "mode": 2, "name": 13, "native_max": 1,
			"native_max_value": 1, "native_min": 1, "native_min_value": 1, "options": 1, "pattern": 1, "step": 1, "suggested_display_precision": 1,
			"suggested_object_id": 1, "suggested_unit_of_measurement": 1, "supported_features": 1, "translation_key": 1, "unique_id": 13, "unit_of_measurement": 2,
		},
		Unknown: map[string]int{},
	}
	for _, domain := range domains {
		entities = append(entities, entity{"app-A", domain.id, domain.stored, modified})
		want.Rows = append(want.Rows, row(domain.id, domain.state, domain.attributes, `{}`))
	}
	other := legacy.Application{
		Application: table.Application{ID: "app B", Name: "name of app B"}, Rows: []table.Row{row("only B's", `"on"`, `{}`, `{}`)},
		Configuration: map[string]int{"name": 1, "unique_id": 1}, Unknown: map[string]int{},
	}
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		contents, err := legacy.Read(t.Context(), database(t, kind, entities, nil))
		if err != nil {
			t.Fatal(err)
		}
		if contents.Name == "" {
			t.Error("the database has no name")
		}
		if diff := cmp.Diff([]legacy.Application{other, want}, contents.Applications); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
	})
}

func TestReadPutsLocalsToTheirEntity(t *testing.T) {
	t.Parallel()
	entities := []entity{
		{"A", "x", `{"state":1}`, modified},
		{"B", "y", `{"state":2}`, modified},
	}
	locals := []local{
		{"A", "x", "z", `{"b": [1, 2], "aa": "2024-01-01T00:00:00.000Z"}`},
		{"A", "x", "a \"quoted\" <key>", `"text"`},
		{"A", "x", "Z", `1.50`},
		{"A", "x", "null", `null`},
		{"B", "x", "taken", `true`}, // the row of x was B's before it was A's
		{"A", "purged", "count", `3`},
	}
	orphan := func(id, locals string) table.Row {
		found := row(id, `null`, `{}`, locals)
		found.LastChanged, found.LastWritten = localWritten, localWritten
		return found
	}
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		contents, err := legacy.Read(t.Context(), database(t, kind, entities, locals))
		if err != nil {
			t.Fatal(err)
		}
		nested := `{"b":[1,2],"aa":"2024-01-01T00:00:00.000Z"}` // jsonb has shorter keys first
		want := []legacy.Application{
			{
				Application: table.Application{ID: "A", Name: "name of A"},
				Rows: []table.Row{
					orphan("purged", `{"count":3}`),
					row("x", `1`, `{}`, `{"Z":1.50,"a \"quoted\" <key>":"text","null":null,"z":`+nested+`}`),
				},
				Notes: []string{`entity "purged": it has locals and no state: it was purged, or another application has taken its row`},
			},
			{
				Application: table.Application{ID: "B", Name: "name of B"},
				Rows:        []table.Row{orphan("x", `{"taken":true}`), row("y", `2`, `{}`, `{}`)},
				Notes:       []string{`entity "x": it has locals and no state: it was purged, or another application has taken its row`},
			},
		}
		for i := range want {
			want[i].Configuration, want[i].Unknown = map[string]int{}, map[string]int{}
		}
		if diff := cmp.Diff(want, contents.Applications); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
	})
}

// What is wrong with a row is told, and the other rows are read.
func TestReadGoesOnWhereRowsAreOdd(t *testing.T) {
	t.Parallel()
	entities := []entity{
		{"A", "several", `{"is_on":true,"state":"x","brightness":7,"percentage":1}`, modified},
		{"A", "list", `[1]`, modified},
		{"A", "null", `null`, modified},
		{"A", "attributes", `{"state":1,"attributes":"none"}`, modified},
		{"A", "no attributes", `{"state":1,"attributes":null}`, modified},
		{"A", "reset", `{"state":1,"last_reset":"new","attributes":{"last_reset":"own"}}`, modified},
		{"A", "day", `{"state":1}`, "yesterday"},
		{"A", "", `{"state":1}`, modified},
	}
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		contents, err := legacy.Read(t.Context(), database(t, kind, entities, []local{{"A", "list", "k", `[1,2]`}}))
		if err != nil {
			t.Fatal(err)
		}
		day := row("day", `1`, `{}`, `{}`)
		day.LastChanged, day.LastWritten = time.Unix(0, 0).UTC(), time.Unix(0, 0).UTC()
		list := row("list", `[1]`, `{}`, `{"k":"[1,2]"}`)
		if kind == engine.Postgres {
			list.Locals = []byte(`{"k":"[1, 2]"}`)
		}
		want := []legacy.Application{{
			Application: table.Application{ID: "A", Name: "name of A"},
			Rows: []table.Row{
				row("attributes", `1`, `{}`, `{}`), day, row("no attributes", `1`, `{}`, `{}`), row("reset", `1`, `{"last_reset":"own"}`, `{}`),
				row("several", `{"is_on":true,"state":"x"}`, `{}`, `{}`),
			},
			Damaged: []table.Damaged{
				{Row: list, Problem: "state_json: it is JSON, but no object"},
				{Row: row("null", `null`, `{}`, `{}`), Problem: "state_json: it is JSON, but no object"},
			},
			Refused:       []legacy.Refused{{ID: "", Err: table.CheckID("")}},
			Configuration: map[string]int{},
			Unknown:       map[string]int{"brightness": 1, "percentage": 1},
			Notes: []string{
				`entity "attributes": its attributes are no object, and were left out: "none"`,
				`entity "day": its last_modified is no time, and counts as 1970: yesterday`,
			},
		}}
		if diff := cmp.Diff(want, contents.Applications); diff != "" {
			t.Errorf("applications (-want +got):\n%s", diff)
		}
	})
}

// PostgreSQL's jsonb takes JSON alone, and MySQL's and PostgreSQL's texts UTF-8 alone.
func TestReadSetsAsideWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	entities := []entity{
		{"A", "cut", `{"state":"ru`, modified},
		{"A", "empty", ``, modified},
		{"A", "half", `{"state":5,"attributes":{"a":1}}`, modified},
	}
	locals := []local{
		{"A", "cut", "fine", `1`},
		{"A", "cut", "bad", `{`},
		{"A", "half", "bad", `tru`},
		{"A", "half", "fine", `[]`},
		{"A", "half", "none", ``},
	}
	for _, kind := range []engine.Kind{engine.SQLite, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			contents, err := legacy.Read(t.Context(), database(t, kind, entities, locals))
			if err != nil {
				t.Fatal(err)
			}
			want := []legacy.Application{{
				Application: table.Application{ID: "A", Name: "name of A"},
				Rows:        []table.Row{row("half", `5`, `{"a":1}`, `{"fine":[]}`)},
				Damaged: []table.Damaged{
					{Row: row("cut", `{"state":"ru`, `{}`, `{"bad":"{","fine":"1"}`), Problem: `state_json: it is no JSON: unexpected end of JSON input; local "bad": it is no JSON: unexpected end of JSON input`},
					{Row: row("empty", ``, `{}`, `{}`), Problem: "state_json: it is empty"},
					{Row: row("half", `5`, `{"a":1}`, `{"bad":"tru","fine":"[]","none":""}`), Problem: `local "bad": it is no JSON: invalid character ' ' in literal true (expecting 'e'); local "none": it is empty`},
				},
				Configuration: map[string]int{}, Unknown: map[string]int{},
			}}
			if diff := cmp.Diff(want, contents.Applications); diff != "" {
				t.Errorf("applications (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadMakesBrokenTextsStorable(t *testing.T) {
	t.Parallel()
	broken := database(t, engine.SQLite, []entity{{"A", "x", "{\"state\":\"\xff\x00\"}", modified}, {"A \x00", "y", `{"state":1}`, modified}}, nil)
	contents, err := legacy.Read(t.Context(), broken)
	if err != nil {
		t.Fatal(err)
	}
	want := []table.Damaged{{Row: row("x", "{\"state\":\"\uFFFD\uFFFD\"}", `{}`, `{}`), Problem: "state_json: it is not valid UTF-8"}}
	if diff := cmp.Diff(want, contents.Applications[0].Damaged); diff != "" {
		t.Errorf("damaged (-want +got):\n%s", diff)
	}
	refused := contents.Applications[1].Refused
	if len(refused) != 1 || refused[0].ID != "y" {
		t.Errorf("refused of an application whose ID has a NUL: %v", refused)
	}
}

func TestReadRefusesADatabaseWithoutTheTables(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		made := anyengine.New(t, kind)
		made.With(t, func(session engine.Session) error {
			_, err := session.Exec(t.Context(), definitions[kind][0])
			return err
		})
		_, err := legacy.Read(t.Context(), open(t, made))
		if missing, is := errors.AsType[*legacy.MissingError](err); !is || !cmp.Equal(missing.Tables, []string{"synapse_entity_locals"}) {
			t.Errorf("got %v", err)
		}
	})
}

// A file is neither made nor changed.
func TestReadChangesNothing(t *testing.T) {
	t.Parallel()
	missing := t.TempDir() + "/missing.db"
	if _, err := legacy.Read(t.Context(), open(t, anyengine.Database{Engine: engine.SQLite, Path: missing})); err == nil {
		t.Error("a file that is not there was read")
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the file was made")
	}
	there := database(t, engine.SQLite, []entity{{"A", "x", `{"state":1}`, modified}}, nil)
	before, err := os.ReadFile(there.SQLite.Database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := legacy.Read(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(there.SQLite.Database)
	if err != nil || !cmp.Equal(before, after) {
		t.Errorf("the file has changed, or %v", err)
	}
}
