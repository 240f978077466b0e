package doctor_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each finding that docs/check.md describes is named by a test: its ID as it stands, or its constant.
func TestEachFindingIsTested(t *testing.T) {
	t.Parallel()
	constants, tested := map[string]string{}, map[string]bool{}
	for _, path := range programs(t, "../engine/postgres/failure.go") {
		read(t, path, func(name, value string) { constants[name] = value })
	}
	for _, path := range tests(t) {
		named(t, path, func(name string) {
			tested[name] = true
			tested[constants[name]] = true
		})
	}
	ids := described(t)
	if len(ids) < 100 {
		t.Fatalf("only %d findings are described", len(ids))
	}
	for _, id := range ids {
		if !tested[id] {
			t.Errorf("no test names %s", id)
		}
	}
}

// described are the IDs in the tables of the page.
func described(t *testing.T) (ids []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	row, id := regexp.MustCompile(`^\| (.*?) \| (?:error|warning|info)`), regexp.MustCompile("`([a-z_]+)`")
	for line := range strings.Lines(string(page)) {
		if cells := row.FindStringSubmatch(line); cells != nil {
			for _, match := range id.FindAllStringSubmatch(cells[1], -1) {
				ids = append(ids, match[1])
			}
		}
	}
	return ids
}

func programs(t *testing.T, others ...string) []string {
	t.Helper()
	return append(files(t, func(name string) bool { return !strings.HasSuffix(name, "_test.go") }), others...)
}

func tests(t *testing.T) []string {
	t.Helper()
	return files(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
}

// files are those of Go below this folder that are wanted.
func files(t *testing.T, wanted func(name string) bool) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".go") && wanted(path) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// read tells the constants of a file, as other packages name them. Those of failed connections become IDs as connection.ID makes them.
func read(t *testing.T, path string, tell func(name, value string)) {
	t.Helper()
	parsed := parse(t, path)
	ast.Inspect(parsed, func(node ast.Node) bool {
		declared, is := node.(*ast.ValueSpec)
		if !is || len(declared.Values) != 1 {
			return true
		}
		value, is := text(declared.Values[0])
		if kind, typed := declared.Type.(*ast.Ident); typed && kind.Name == "FailureKind" {
			value = "connection_" + value
		}
		if is {
			tell(parsed.Name.Name+"."+declared.Names[0].Name, value)
		}
		return true
	})
}

// named tells the constants, those of the test's own package included, and the words of the texts that a file names.
func named(t *testing.T, path string, tell func(string)) {
	t.Helper()
	parsed := parse(t, path)
	own := strings.TrimSuffix(parsed.Name.Name, "_test")
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr:
			if from, is := node.X.(*ast.Ident); is {
				tell(from.Name + "." + node.Sel.Name)
			}
		case *ast.Ident:
			tell(own + "." + node.Name)
		case *ast.BasicLit:
			if words, is := text(node); is {
				for word := range strings.FieldsFuncSeq(words, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
					tell(word)
				}
			}
		}
		return true
	})
}

func text(expression ast.Expr) (string, bool) {
	literal, is := expression.(*ast.BasicLit)
	if !is || literal.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(literal.Value)
	return value, err == nil
}
