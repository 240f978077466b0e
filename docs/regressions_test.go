package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rows of each table of regressions.md: as many as the lists they answer have.
const (
	correctedFaults = 62
	weaknesses      = 21
	situations      = 33
)

// testsOf is what a package's test files hold: its test functions, and every string, since subtests are named by some.
type testsOf struct{ functions, texts map[string]bool }

func TestEveryRegressionHasItsTest(t *testing.T) {
	t.Parallel()
	tables := tablesOf(t, "regressions.md")
	if len(tables) != 3 {
		t.Fatalf("%d tables, want 3", len(tables))
	}
	for i, want := range []int{correctedFaults, weaknesses, situations} {
		if len(tables[i]) != want {
			t.Errorf("table %d has %d rows, want %d", i+1, len(tables[i]), want)
		}
	}
	for i, row := range tables[1] {
		if !strings.HasPrefix(row, fmt.Sprintf("| W%d | ", i+1)) {
			t.Errorf("want W%d, got %s", i+1, row)
		}
	}
	packages := map[string]testsOf{}
	for _, table := range tables {
		for _, row := range table {
			checkRegression(t, packages, row)
		}
	}
}

// The rows of each table of entity-behaviours.md, likewise.
const (
	legacyAssertions = 21
	legacyWeaknesses = 22
)

func TestEveryBehaviourOfTheTypeScriptLibraryHasItsTest(t *testing.T) {
	t.Parallel()
	tables := tablesOf(t, "entity-behaviours.md")
	if len(tables) != 2 || len(tables[0]) != legacyAssertions || len(tables[1]) != legacyWeaknesses {
		t.Fatalf("%d tables, of other lengths than %d and %d", len(tables), legacyAssertions, legacyWeaknesses)
	}
	packages := map[string]testsOf{}
	for i, row := range slices.Concat(tables...) {
		if number := i - legacyAssertions + 1; number > 0 && !strings.HasPrefix(row, fmt.Sprintf("| W%d: ", number)) {
			t.Errorf("want W%d, got %s", number, row)
		}
		checkRegression(t, packages, row)
	}
}

// tablesOf returns the rows of a page's tables, without their heads.
func tablesOf(t *testing.T, page string) [][]string {
	t.Helper()
	var tables [][]string
	before := ""
	for line := range strings.Lines(read(t, page)) {
		isRow := strings.HasPrefix(line, "|")
		switch {
		case isRow && strings.HasPrefix(line, "|---"):
		case isRow && !strings.HasPrefix(before, "|"):
			tables = append(tables, nil)
		case isRow:
			tables[len(tables)-1] = append(tables[len(tables)-1], line)
		}
		before = line
	}
	return tables
}

var (
	namedTest = regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz|Example)\\w*)(?:/([^`]+))?`")
	otherwise = regexp.MustCompile(`Later: the|Cannot happen: |Measured: `)
)

// checkRegression checks that what a row names exists, or that it says why it names nothing.
func checkRegression(t *testing.T, packages map[string]testsOf, row string) {
	t.Helper()
	cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
	named := namedTest.FindAllStringSubmatch(cells[len(cells)-1], -1)
	if len(named) == 0 && !otherwise.MatchString(row) {
		t.Errorf("neither a test nor a reason in %s", row)
	}
	for _, name := range named {
		folder, function, subtest := name[1], name[2], name[3]
		if _, known := packages[folder]; !known {
			packages[folder] = testsIn(t, folder)
		}
		if !packages[folder].functions[function] {
			t.Errorf("package %s has no test %s", folder, function)
		}
		if subtest != "" && !packages[folder].texts[subtest] {
			t.Errorf("package %s has no subtest %q of %s", folder, subtest, function)
		}
	}
}

func testsIn(t *testing.T, folder string) testsOf {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", folder, err)
	}
	found := testsOf{map[string]bool{}, map[string]bool{}}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, found.note)
	}
	return found
}

func (f testsOf) note(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.FuncDecl:
		f.functions[node.Name.Name] = node.Recv == nil
	case *ast.BasicLit:
		if text, err := strconv.Unquote(node.Value); err == nil && node.Kind == token.STRING {
			f.texts[text] = true
		}
	}
	return true
}
