package sqltext_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// TestSplitGolden reads testdata/*.<engine>: the statements expected stand behind a line "=====", each after a line
// "-----".
func TestSplitGolden(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
		paths, err := filepath.Glob("testdata/golden/*." + string(kind))
		if err != nil || len(paths) == 0 {
			t.Fatalf("golden files of %s: %v, %v", kind, paths, err)
		}
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				text, want, _ := strings.Cut(string(content), "=====\n")
				if diff := cmp.Diff(want, golden(t, kind, text)); diff != "" {
					t.Errorf("statements (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func golden(t *testing.T, kind engine.Kind, text string) string {
	t.Helper()
	var result strings.Builder
	for _, statement := range split(t, kind, text) {
		fmt.Fprintf(&result, "----- %d:%d", statement.Line, statement.Column)
		if statement.Marks != nil {
			fmt.Fprintf(&result, " %s", strings.Join(statement.Marks, " "))
		}
		fmt.Fprintf(&result, "\n%s\n", statement.Text)
	}
	return result.String()
}

func TestSplitEveryEngine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []sqltext.Statement
	}{
		{"nothing", "", nil},
		{"blanks and comments", " \r\n\t-- one\n/* two; */ ", nil},
		{"empty statements", ";;\n;SELECT 1;;", []sqltext.Statement{{Text: "SELECT 1", Line: 2, Column: 2, Offset: 4}}},
		{"the last without a semicolon", "SELECT 1; SELECT 2 -- two\n", []sqltext.Statement{
			{Text: "SELECT 1", Line: 1, Column: 1}, {Text: "SELECT 2", Line: 1, Column: 11, Offset: 10},
		}},
		{"carriage returns", "SELECT 1;\r\n  SELECT\r\n 2;\r\n", []sqltext.Statement{
			{Text: "SELECT 1", Line: 1, Column: 1}, {Text: "SELECT\r\n 2", Line: 2, Column: 3, Offset: 13},
		}},
		{"a byte order mark", "\ufeffSELECT 1", []sqltext.Statement{{Text: "SELECT 1", Line: 1, Column: 1, Offset: 3}}},
		{"columns are characters", "SELECT 'ü€😀'; SELECT 2", []sqltext.Statement{
			{Text: "SELECT 'ü€😀'", Line: 1, Column: 1}, {Text: "SELECT 2", Line: 1, Column: 15, Offset: 20},
		}},
		{"a quoted semicolon", "SELECT ';', 'it''s;';", []sqltext.Statement{{Text: "SELECT ';', 'it''s;'", Line: 1, Column: 1}}},
		{"comments inside stay", "SELECT -- ;\n/* ; */ 1 -- end\n;", []sqltext.Statement{{Text: "SELECT -- ;\n/* ; */ 1", Line: 1, Column: 1}}},
		{"begin is no body", "BEGIN; SELECT 1; END;", []sqltext.Statement{
			{Text: "BEGIN", Line: 1, Column: 1}, {Text: "SELECT 1", Line: 1, Column: 8, Offset: 7}, {Text: "END", Line: 1, Column: 18, Offset: 17},
		}},
		{"a mark", "-- prose\n  -- synapse: no-transaction\n-- more\n\nVACUUM;\nVACUUM", []sqltext.Statement{
			{Text: "VACUUM", Line: 5, Column: 1, Marks: []string{"no-transaction"}, Offset: 47}, {Text: "VACUUM", Line: 6, Column: 1, Offset: 55},
		}},
		{"marks in one line and in two", "\ufeff-- synapse: one, two\r\n-- synapse:three\r\nVACUUM", []sqltext.Statement{
			{Text: "VACUUM", Line: 3, Column: 1, Marks: []string{"one", "two", "three"}, Offset: 43},
		}},
		{"no marks", "-- Synapse: a server\n/* synapse: one */\n-- see synapse: two\nVACUUM", []sqltext.Statement{
			{Text: "VACUUM", Line: 4, Column: 1, Offset: 60},
		}},
	}
	for _, test := range tests {
		for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
			t.Run(test.name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				if diff := cmp.Diff(test.want, split(t, kind, test.text)); diff != "" {
					t.Errorf("statements (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	all := []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL}
	sqlite, postgres, mysql := all[:1], all[1:2], all[2:]
	tests := []struct {
		name  string
		kinds []engine.Kind
		text  string
		want  string
	}{
		{"a text", all, "SELECT 1;\n SELECT 'a;", "line 2, column 9: a quoted text begins here that is not closed"},
		{"a name", sqlite, "SELECT [a;", "line 1, column 8: a quoted name begins here that is not closed"},
		{"a name", postgres, `SELECT "a;`, "line 1, column 8: a quoted name begins here that is not closed"},
		{"a name", mysql, "SELECT `a``;", "line 1, column 8: a quoted name begins here that is not closed"},
		{"a comment", all[1:], "SELECT 1; /* a", "line 1, column 11: a comment begins here that is not closed by */"},
		{"a nested comment", postgres, "/* /* */ a", "line 1, column 1: a comment begins here that is not closed by */"},
		{"an executed comment", mysql, "/*!50100 SELECT 1;", "line 1, column 1: a comment begins here that is not closed by */"},
		{"a dollar quote", postgres, "SELECT $body$ $$;", "line 1, column 8: a text begins here that is not closed by $body$"},
		{"an escape", postgres, `SELECT E'\';`, "line 1, column 8: a quoted text begins here that is not closed"},
		{"a parenthesis", postgres, "CREATE TABLE a (b int;\nCREATE TABLE c (d int);", "line 1, column 16: a parenthesis is not closed"},
		{"a routine", postgres, "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE 1 END;", "line 1, column 27: BEGIN ATOMIC is not closed by END"},
		{"a trigger", sqlite, "\nCREATE TRIGGER a BEGIN SELECT 1; SELECT 2;", `line 2, column 1: a trigger begins here whose body does not end with a statement's ";" and END`},
		{"a block", mysql, "CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; END;", "line 1, column 22: BEGIN is not closed by END"},
		{"psql", postgres, "SELECT 1;\n\\connect b\n", `line 2, column 1: \connect b is for psql, and no server knows it: write it as SQL, or leave it out`},
		{"psql in a statement", postgres, "SELECT 1 \\gexec\n", `line 1, column 10: \gexec is for psql, and no server knows it: write it as SQL, or leave it out`},
		{"copy", postgres, "COPY public.a (b, c) FROM stdin;\n1\t2\n\\.\n", "line 1, column 27: COPY FROM STDIN: its data are for psql; write the rows as INSERT (pg_dump --inserts)"},
		{"no delimiter", mysql, "DELIMITER\n", "line 1, column 1: DELIMITER has to be followed by what shall end the statements"},
		{"a long delimiter", mysql, "DELIMITER 1234567890123456\n", "line 1, column 1: a delimiter has at most 15 bytes"},
		{"a quoted delimiter", mysql, "DELIMITER ';;'\n", "line 1, column 1: a delimiter has no backslash and no quote in it"},
		{"two delimiters", mysql, "DELIMITER ;; SELECT 1;;\n", "line 1, column 1: only the delimiter may follow DELIMITER on its line"},
		{"dashes without a blank", mysql, "SELECT 1;\nSELECT 2--;", "line 2, column 1: a statement that ends with --: a comment needs a blank behind the dashes"},
		{"a mark at the end", all, "SELECT 1;\n-- synapse: a\n", "line 2, column 1: a mark behind the last statement: it has to stand before the one it is for"},
		{"a mark inside", all, "SELECT 1\n-- synapse: a\n", `line 2, column 1: a mark in a statement, or behind one that lacks its ";": it has to stand before the statement`},
		{"a mark behind", all, "SELECT 1; -- synapse: a\nSELECT 2", "line 1, column 11: a mark has to stand on a line of its own, before the statement"},
		{"a mark for nothing", all, "-- synapse: a\n;SELECT 2", "line 1, column 1: a mark before an empty statement: no statement gets it"},
		{"a mark without a word", all, "-- synapse:\nSELECT 2", `line 1, column 1: a mark is written "-- synapse: word" or "-- synapse: word, word"`},
		{"prose as a mark", all, "-- synapse: is a server\nSELECT 2", `line 1, column 1: a mark is written "-- synapse: word" or "-- synapse: word, word"`},
		{"NUL", all, "SELECT 1;\n--\x00\xff", "line 2, column 3: a NUL byte: is this a text file in UTF-8?"},
		{"no UTF-8", all, "SELECT '\ufffdü\xff\x00'", "line 1, column 11: a byte that is no UTF-8: save the file in UTF-8"},
	}
	for _, test := range tests {
		for _, kind := range test.kinds {
			t.Run(test.name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				_, err := sqltext.Split(kind, test.text)
				if _, ok := errors.AsType[*sqltext.SyntaxError](err); !ok {
					t.Fatalf("%v is no SyntaxError", err)
				}
				if diff := cmp.Diff(test.want, err.Error()); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestSplitRefusesAnUnknownEngine(t *testing.T) {
	t.Parallel()
	_, err := sqltext.Split("oracle", "SELECT 1")
	if want := `line 1, column 1: there are no rules for the SQL of engine "oracle"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSplitIsLinear takes texts on which a careless splitter takes minutes.
func TestSplitIsLinear(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]string{
		"statements": "SELECT 1;\n", "lines": "\n", "marks": "-- synapse: a\r", "comments": "/**/", "quotes": "'a' ", "escapes": "E'a' ",
		"continued": "E'a'\n", "dollars": "$a$a$a$ ", "open dollars": "$a ", "parentheses": "(", "closed": ")", "words": "begin if case ",
		"hints": "/*! ", "one word": "delimite", "carriage returns": "-- a\r",
		"triggers": "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW BEGIN IF a THEN SELECT 1; END IF; END;\n",
	} {
		text := strings.Repeat(piece, 1<<18/len(piece))
		for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				begun := time.Now()
				_, _ = sqltext.Split(kind, text)
				_, _ = sqltext.Split(kind, "SELECT "+text)
				_ = sqltext.Bind("?" + text)
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("256 kB took %s", took)
				}
			})
		}
	}
}

func split(t *testing.T, kind engine.Kind, text string) []sqltext.Statement {
	t.Helper()
	statements, err := sqltext.Split(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return statements
}

func TestSplitUnmarked(t *testing.T) {
	t.Parallel()
	statements, err := sqltext.SplitUnmarked(engine.SQLite, "SELECT 1 -- synapse: not a mark\n; -- synapse: two words\nSELECT 2;\n-- synapse: last")
	if err != nil || len(statements) != 2 || len(statements[1].Marks) > 0 {
		t.Errorf("%+v, %v", statements, err)
	}
}
