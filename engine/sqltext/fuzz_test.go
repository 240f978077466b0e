package sqltext_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// sqliteGap is what may stand between two statements.
var sqliteGap = regexp.MustCompile(`^(?s:[ \t\r\n\f;]|--[^\n]*|/\*.*?(\*/|$))*$`)

func FuzzSplitSQLite(f *testing.F) {
	seed(f, engine.SQLite)
	tls := libc.NewTLS()
	f.Cleanup(tls.Close)
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := sqltext.Split(engine.SQLite, text)
		if err != nil {
			syntax, ok := errors.AsType[*sqltext.SyntaxError](err)
			if !ok {
				t.Fatalf("%v is no SyntaxError", err)
			}
			if strings.Contains(syntax.Problem, "begins here") && complete(t, tls, text+";") {
				t.Errorf("%v, but SQLite takes it for complete", err)
			}
			return
		}
		placed(t, text, statements)
		rejoined(t, engine.SQLite, statements)
		for _, statement := range statements {
			endsOnce(t, tls, statement.Text)
		}
		for _, gap := range gaps(text, statements) {
			if !sqliteGap.MatchString(gap) {
				t.Errorf("%q is left out", gap)
			}
		}
	})
}

// endsOnce checks that SQLite sees the end of the statement behind it and no sooner.
func endsOnce(t *testing.T, tls *libc.TLS, statement string) {
	t.Helper()
	if !complete(t, tls, statement+";") {
		t.Errorf("SQLite takes %q for incomplete", statement)
	}
	if len(statement) > 4096 {
		return
	}
	for at := range len(statement) {
		if statement[at] == ';' && complete(t, tls, statement[:at+1]) {
			t.Errorf("SQLite takes %q of %q for complete", statement[:at+1], statement)
		}
	}
}

func complete(t *testing.T, tls *libc.TLS, text string) bool {
	t.Helper()
	copied, err := libc.CString(text)
	if err != nil {
		t.Fatal(err)
	}
	defer libc.Xfree(tls, copied)
	return sqlite3.Xsqlite3_complete(tls, copied) != 0
}

// gaps returns what is in no statement, but for a byte order mark.
func gaps(text string, statements []sqltext.Statement) []string {
	var result []string
	end := len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	for _, statement := range statements {
		result = append(result, text[end:statement.Offset])
		end = statement.Offset + len(statement.Text)
	}
	return append(result, text[end:])
}

func FuzzSplitPostgres(f *testing.F) {
	seed(f, engine.Postgres)
	f.Fuzz(func(t *testing.T, text string) { splits(t, engine.Postgres, text) })
}

func FuzzSplitMySQL(f *testing.F) {
	seed(f, engine.MySQL)
	f.Fuzz(func(t *testing.T, text string) { splits(t, engine.MySQL, text) })
}

// splits checks what holds for the statements of any text.
func splits(t *testing.T, kind engine.Kind, text string) {
	t.Helper()
	statements, err := sqltext.Split(kind, text)
	if err != nil {
		syntax, ok := errors.AsType[*sqltext.SyntaxError](err)
		if !ok || syntax.Line < 1 || syntax.Column < 1 || syntax.Problem == "" {
			t.Fatalf("%#v is no SyntaxError", err)
		}
		return
	}
	placed(t, text, statements)
	for _, statement := range statements {
		if len(sqltext.Words(kind, statement.Text, 1)) == 0 {
			t.Errorf("%q has no words", statement.Text)
		}
	}
	if kind != engine.MySQL || !strings.Contains(strings.ToUpper(text), "DELIMITER") {
		rejoined(t, kind, statements)
	}
}

// placed checks that offsets, lines and columns go forward and name the statements.
func placed(t *testing.T, text string, statements []sqltext.Statement) {
	t.Helper()
	lines := strings.SplitAfter(strings.TrimPrefix(text, "\ufeff"), "\n")
	end := 0
	for _, statement := range statements {
		if statement.Offset < end || !strings.HasPrefix(text[statement.Offset:], statement.Text) {
			t.Fatalf("%q is not at byte %d", statement.Text, statement.Offset)
		}
		end = statement.Offset + len(statement.Text)
		characters := []rune(lines[statement.Line-1])
		line := string(characters[statement.Column-1:])
		if first, _, _ := strings.Cut(statement.Text, "\n"); !strings.HasPrefix(line, first) {
			t.Errorf("%q is not at %d:%d", statement.Text, statement.Line, statement.Column)
		}
	}
}

// rejoined checks that the statements one after another split into the same.
func rejoined(t *testing.T, kind engine.Kind, statements []sqltext.Statement) {
	t.Helper()
	var joined strings.Builder
	var want, got []string
	for _, statement := range statements {
		joined.WriteString(statement.Text + ";\n")
		want = append(want, statement.Text)
	}
	for _, statement := range split(t, kind, joined.String()) {
		got = append(got, statement.Text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejoined (-want +got):\n%s", diff)
	}
}

func FuzzBind(f *testing.F) {
	f.Add("SELECT ?, '?', \"?\", $$?$$, E'\\'?', ?? -- ?\n/* ? */ ?")
	seed(f, engine.Postgres)
	f.Fuzz(func(t *testing.T, text string) {
		bound := sqltext.Bind(text)
		want, marks := tokens(text), 0
		var expected []string
		for i := 0; i < len(want); i++ {
			switch {
			case want[i].Text != "?":
				expected = append(expected, want[i].Text)
			case i+1 < len(want) && want[i+1].Text == "?" && want[i+1].Offset == want[i].Offset+1:
				expected = append(expected, "?")
				i++
			default:
				marks++
				expected = append(expected, "$"+strconv.Itoa(marks))
			}
		}
		var got []string
		for _, token := range tokens(bound) {
			got = append(got, token.Text)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}

func tokens(text string) []sqltext.Token { return sqltext.Tokens(engine.Postgres, text, len(text)) }

// seed gives the texts of the golden files, and their statements.
func seed(f *testing.F, kind engine.Kind) {
	f.Helper()
	paths, err := filepath.Glob("testdata/golden/*." + string(kind))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := strings.Cut(string(content), "=====\n")
		f.Add(text)
		statements, err := sqltext.Split(kind, text)
		if err != nil {
			f.Fatal(err)
		}
		for _, statement := range statements {
			f.Add(statement.Text)
		}
	}
}
