package docs_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/cli"
	"github.com/synapsedb/synapse/port"
)

func TestREADMENamesTargetsOfTheMakefile(t *testing.T) {
	t.Parallel()
	makefile := read(t, "../Makefile")
	for _, page := range []string{"../README.md", "../CONTRIBUTING.md", "PERFORMANCE.md"} {
		for _, match := range regexp.MustCompile(`(?m)^ {4}make ([a-z]+)`).FindAllStringSubmatch(read(t, page), -1) {
			if !strings.Contains(makefile, "\n"+match[1]+": ") {
				t.Errorf("%s: the Makefile has no target %q", page, match[1])
			}
		}
	}
	for _, command := range []string{"make demo", "make test", "make build"} {
		if !strings.Contains(read(t, "../README.md"), "\n    "+command) {
			t.Errorf("README.md does not name %s", command)
		}
	}
	if !strings.Contains(read(t, "../.ci/run"), "make test") {
		t.Error(".ci/run does not run the README's test command")
	}
}

func TestLinksLeadToFiles(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range slices.Concat(pages, more) {
		for _, match := range regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`).FindAllStringSubmatch(read(t, page), -1) {
			path, anchor := page, match[2]
			if match[1] != "" {
				path = filepath.Join(filepath.Dir(page), match[1])
			}
			if strings.Contains(match[1], "://") {
				continue
			}
			if info, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if anchor != "" && (info.IsDir() || !slices.Contains(anchors(read(t, path)), anchor)) {
				t.Errorf("%s: %s has no heading %s", page, path, anchor)
			}
		}
	}
}

// anchors are what links to the headings of a page look like.
func anchors(page string) []string {
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		found = append(found, "#"+strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}

func TestEveryFlagOfPortIsDescribed(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile("--[a-z][a-z-]+")
	described := map[string]bool{}
	for _, cell := range firstCells(t, "Flags") {
		for _, name := range flag.FindAllString(cell, -1) {
			described[name] = true
		}
	}
	offered := map[string]bool{}
	for _, program := range [][]string{{"synapse", "port", "--help"}, {"synapse_port_db", "--help"}} {
		var output bytes.Buffer
		if code := cli.Main(program, &output, &output); code != 0 {
			t.Fatalf("%v: exit code %d\n%s", program, code, output.String())
		}
		_, flags, _ := strings.Cut(output.String(), "\nFlags:\n")
		for line := range strings.SplitSeq(flags, "\n") {
			if match := regexp.MustCompile(`^ +(?:-[a-z], )?(--[a-z-]+)`).FindStringSubmatch(line); match != nil {
				offered[match[1]] = true
			}
		}
	}
	if len(offered) < 10 {
		t.Errorf("the help was not understood: %v", offered)
	}
	if diff := cmp.Diff(offered, described); diff != "" {
		t.Errorf("flags (-help +docs/port.md):\n%s", diff)
	}
}

func TestEveryProblemIsDescribed(t *testing.T) {
	t.Parallel()
	want := problems(t, "../port")
	want = append(want, "column_only_in_source", "column_only_in_target") // put together from the side
	for _, id := range constants(t, "../engine/postgres", "ProblemID") {
		want = append(want, "target_"+id)
	}
	slices.Sort(want)
	described := codes(firstCells(t, "Reasons for a refusal"))
	slices.Sort(described)
	if diff := cmp.Diff(slices.Compact(want), described); diff != "" {
		t.Errorf("problems (-code +docs/port.md):\n%s", diff)
	}
}

func TestEveryClassOfBadValueIsDescribed(t *testing.T) {
	t.Parallel()
	want := constants(t, "../port/convert", "Class")
	described := codes(firstCells(t, "Values"))
	for _, class := range want {
		if !slices.Contains(described, class) {
			t.Errorf("docs/port.md does not describe the class %s", class)
		}
	}
	if len(want) < 10 {
		t.Errorf("the classes were not found: %v", want)
	}
}

func TestEveryFieldOfTheReportIsDescribed(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(fields(reflect.TypeFor[port.Report](), ""), codes(firstCells(t, "The report as JSON"))); diff != "" {
		t.Errorf("fields of the report (-code +docs/port.md):\n%s", diff)
	}
}

// fields lists the JSON names in a struct, those inside others behind a point.
func fields(of reflect.Type, before string) []string {
	var names []string
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "" || name == "-" {
			continue
		}
		names = append(names, before+name)
		inner := field.Type
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != of && strings.HasSuffix(inner.PkgPath(), "/port") { // a report within has the same fields
			names = append(names, fields(inner, before+name+".")...)
		}
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// firstCells are the first cells of the tables below a heading of docs/port.md.
func firstCells(t *testing.T, heading string) []string {
	t.Helper()
	_, section, found := strings.Cut(read(t, "port.md"), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/port.md has no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var cells []string
	for line := range strings.SplitSeq(section, "\n") {
		if rest, found := strings.CutPrefix(line, "| "); found {
			cell, _, _ := strings.Cut(rest, " | ")
			cells = append(cells, cell)
		}
	}
	return cells
}

// codes are the cells that hold one name in code quotes.
func codes(cells []string) []string {
	var names []string
	for _, cell := range cells {
		if name := strings.Trim(cell, "`"); "`"+name+"`" == cell {
			names = append(names, name)
		}
	}
	return names
}

// parse reads the Go files of a folder that are no tests.
func parse(t *testing.T, folder string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// problems lists the identifiers that a package gives its Problems.
func problems(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	for _, file := range parse(t, folder) {
		ast.Inspect(file, func(node ast.Node) bool {
			pair, ok := node.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if name, ok := pair.Key.(*ast.Ident); ok && name.Name == "ID" {
				if text, ok := literal(pair.Value); ok {
					found = append(found, text)
				}
			}
			return true
		})
	}
	return found
}

// constants lists the values of a package's constants of a type.
func constants(t *testing.T, folder, typeName string) []string {
	t.Helper()
	var found []string
	for _, file := range parse(t, folder) {
		ast.Inspect(file, func(node ast.Node) bool {
			value, ok := node.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if named, ok := value.Type.(*ast.Ident); ok && named.Name == typeName && len(value.Values) == 1 {
				if text, ok := literal(value.Values[0]); ok {
					found = append(found, text)
				}
			}
			return true
		})
	}
	return found
}

func literal(expression ast.Expr) (string, bool) {
	basic, ok := expression.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}
