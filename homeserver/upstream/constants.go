package upstream

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// constantsFile holds the two numbers, as Python.
const constantsFile = "__init__.py"

const (
	versionConstant       = "SCHEMA_VERSION"
	compatVersionConstant = "SCHEMA_COMPAT_VERSION"
)

// ConstantError says that a number could not be read from upstream's Python without running it.
type ConstantError struct {
	Directory string // empty when only files were given
	Line      int    // in __init__.py; 0 when it is about the whole file
	Constant  string // SCHEMA_VERSION or SCHEMA_COMPAT_VERSION
	Problem   string
}

// Error gives the place, and says what to do.
func (e *ConstantError) Error() string {
	place := filepath.Join(e.Directory, constantsFile)
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
	}
	return fmt.Sprintf("%s: read %s: %s; Python is not run here: give the schema directory of an unchanged release, "+
		"or a newer release of this program", place, e.Constant, e.Problem)
}

// readConstant finds the one assignment of a plain number to a name in Python text: NAME = 94, NAME: Final = 94, with the
// number in as many parentheses, lines and comments as you like. Everything else that assigns the name is an error, since
// what it would come to is not known.
func readConstant(source, name string) (int, error) {
	tokens, wrong := scanPython(source)
	if wrong != nil {
		return 0, &ConstantError{Line: wrong.line, Constant: name, Problem: wrong.problem}
	}
	value, found := 0, 0
	for _, statement := range statements(tokens) {
		at := assigned(statement, name)
		if at < 0 {
			continue
		}
		line := statement[at].line
		if found > 0 {
			return 0, &ConstantError{Line: line, Constant: name, Problem: fmt.Sprintf("it is assigned a second time, after line %d", found)}
		}
		number, ok := plainAssignment(statement, at)
		if !ok {
			return 0, &ConstantError{Line: line, Constant: name, Problem: "what it is assigned is not a plain number"}
		}
		value, found = number, line
	}
	if found == 0 {
		return 0, &ConstantError{Constant: name, Problem: "it is not assigned a number"}
	}
	return value, nil
}

// statements cuts tokens at the ends of lines and at semicolons.
func statements(tokens []pythonToken) [][]pythonToken {
	var all [][]pythonToken
	begin := 0
	for i, found := range tokens {
		if found.class == lineEnd || found.depth == 0 && found.text == ";" {
			all = append(all, tokens[begin:i])
			begin = i + 1
		}
	}
	return append(all, tokens[begin:])
}

// assigned gives the place of a name to which a statement assigns something, or -1. Inside of brackets, "=" names an
// argument.
func assigned(statement []pythonToken, name string) int {
	for i, found := range statement {
		if found.class != word || found.text != name || found.depth > 0 || i+1 == len(statement) {
			continue
		}
		next := statement[i+1].text
		annotated := i == 0 && next == ":" && slices.ContainsFunc(statement, isEquals)
		if annotated || assigns(next) {
			return i
		}
	}
	return -1
}

func isEquals(found pythonToken) bool { return found.depth == 0 && found.text == "=" }

func assigns(operator string) bool {
	switch operator {
	case "==", "!=", "<=", ">=":
		return false
	}
	return strings.HasSuffix(operator, "=")
}

// plainAssignment reads the number of a statement that assigns to its first word, at the margin.
func plainAssignment(statement []pythonToken, at int) (int, bool) {
	equals := slices.IndexFunc(statement, isEquals)
	if at > 0 || statement[0].indented || equals < 0 {
		return 0, false
	}
	if equals > 1 && statement[1].text != ":" {
		return 0, false // NAME += …, or several names
	}
	value := statement[equals+1:]
	for len(value) > 2 && value[0].text == "(" && value[len(value)-1].text == ")" {
		value = value[1 : len(value)-1]
	}
	if len(value) != 1 || value[0].class != number || !plainNumber.MatchString(value[0].text) {
		return 0, false
	}
	read, err := strconv.ParseInt(strings.ReplaceAll(value[0].text, "_", ""), 10, 32)
	return int(read), err == nil
}

var plainNumber = regexp.MustCompile(`^(0|[1-9][0-9]*(_[0-9]+)*)$`)
