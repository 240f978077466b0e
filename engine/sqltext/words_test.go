package sqltext_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

func TestWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		kind  engine.Kind
		text  string
		limit int
		want  string
	}{
		{"keywords and names", engine.Postgres, `create unique index concurrently "My""Index" on Public.t (a)`, 99, `CREATE|UNIQUE|INDEX|CONCURRENTLY|My"Index|ON|PUBLIC|.|T|(|A|)`},
		{"the first ones", engine.Postgres, "drop index a", 2, "DROP|INDEX"},
		{"none", engine.Postgres, "drop index a", 0, ""},
		{"comments", engine.SQLite, "/* a */ drop -- b\n table [My t], `u`", 99, "DROP|TABLE|My t|,|u"},
		{"an executed comment", engine.MySQL, "/*!50100 alter */ table `My``t` # b\n add `c` int", 99, "ALTER|TABLE|My`t|ADD|c|INT"},
		{"quoted texts", engine.MySQL, `set a := "b", c = 'd', e = 1.5`, 99, `SET|A|:=|"b"|,|C|=|'d'|,|E|=|1.5`},
		{"prefixes", engine.Postgres, `select e'a', u&"b", $$c$$, $1`, 99, `SELECT|e'a'|,|b|,|$$c$$|,|$1`},
		{"a quote that is not closed", engine.SQLite, `select "a b`, 99, "SELECT|a b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, strings.Join(sqltext.Words(test.kind, test.text, test.limit), "|")); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensNameAsTheEngineStoresIt(t *testing.T) {
	t.Parallel()
	want := map[engine.Kind][]sqltext.Token{
		engine.SQLite:   {{Text: "ÄRooms", Name: "ÄRooms"}, {Text: `"My T"`, Name: "My T", Quoted: true, Offset: 8}, {Text: "'x'", Quoted: true, Offset: 15}},
		engine.Postgres: {{Text: "ÄRooms", Name: "Ärooms"}, {Text: `"My T"`, Name: "My T", Quoted: true, Offset: 8}, {Text: "'x'", Quoted: true, Offset: 15}},
		engine.MySQL:    {{Text: "ÄRooms", Name: "ÄRooms"}, {Text: `"My T"`, Quoted: true, Offset: 8}, {Text: "'x'", Quoted: true, Offset: 15}},
	}
	for kind, tokens := range want {
		if diff := cmp.Diff(tokens, sqltext.Tokens(kind, `ÄRooms "My T" 'x'`, 9)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

func TestBind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1":                          "SELECT 1",
		"a = ? AND b IN (?,?)":              "a = $1 AND b IN ($2,$3)",
		"a ?? 'b' AND c ??| ? AND d @?? ?":  "a ? 'b' AND c ?| $1 AND d @? $2",
		"'?' || \"?\" || $$?$$ || E'\\'?'":  "'?' || \"?\" || $$?$$ || E'\\'?'",
		"/* ? /* ? */ ? */ ? -- ?":          "/* ? /* ? */ ? */ $1 -- ?",
		"SELECT?AND a=?":                    "SELECT $1 AND a=$2",
		"SELECT 'open ? ":                   "SELECT 'open ? ",
		"???":                               "?$1",
		"VALUES (?::jsonb, $tag$ ?? $tag$)": "VALUES ($1::jsonb, $tag$ ?? $tag$)",
	} {
		if diff := cmp.Diff(want, sqltext.Bind(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
