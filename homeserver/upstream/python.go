package upstream

import "strings"

type tokenClass int

const (
	word tokenClass = iota
	number
	quoted
	operator
	lineEnd // of a logical line
)

// pythonToken is a word of Python text.
type pythonToken struct {
	class    tokenClass
	text     string
	line     int
	depth    int  // how many brackets it stands in
	indented bool // its line is
}

// pythonError is where text stops being Python, or what this reader knows of it.
type pythonError struct {
	line    int
	problem string
}

// pythonScanner takes Python apart as far as it has to, to tell code from strings and comments
// (https://docs.python.org/3/reference/lexical_analysis.html).
type pythonScanner struct {
	source   string
	at       int
	line     int
	brackets []pythonToken // that are open
	indented bool
	tokens   []pythonToken
}

// scanPython gives the tokens of a text.
func scanPython(source string) ([]pythonToken, *pythonError) {
	s := &pythonScanner{source: strings.TrimPrefix(source, "\ufeff"), line: 1}
	s.indented = s.blankAhead()
	for s.at < len(s.source) {
		if wrong := s.next(); wrong != nil {
			return nil, wrong
		}
	}
	if open := len(s.brackets); open > 0 {
		return nil, &pythonError{line: s.brackets[open-1].line, problem: "a bracket is never closed"}
	}
	return s.tokens, nil
}

func (s *pythonScanner) next() *pythonError {
	rest := s.source[s.at:]
	switch letter := rest[0]; {
	case letter == '\n':
		s.newline()
	case strings.IndexByte(" \t\f\r", letter) >= 0:
		s.at++
	case letter == '#':
		s.at += lengthUntil(rest, "\n")
	case letter == '\\':
		return s.continuation(rest)
	case letter == '"' || letter == '\'':
		return s.quoted(0)
	case isDigit(letter):
		s.take(number, length(rest, func(c byte) bool { return isWordByte(c) || c == '.' }))
	case isWordByte(letter):
		size := length(rest, isWordByte)
		if size < len(rest) && (rest[size] == '"' || rest[size] == '\'') && isPrefix(rest[:size]) {
			return s.quoted(size)
		}
		s.take(word, size)
	default:
		return s.operator(rest)
	}
	return nil
}

// newline ends a logical line, unless a bracket is open.
func (s *pythonScanner) newline() {
	if len(s.brackets) == 0 {
		s.take(lineEnd, 1)
	} else {
		s.at++
	}
	s.line++
	if len(s.brackets) == 0 {
		s.indented = s.blankAhead()
	}
}

func (s *pythonScanner) blankAhead() bool {
	return s.at < len(s.source) && (s.source[s.at] == ' ' || s.source[s.at] == '\t')
}

func (s *pythonScanner) take(class tokenClass, size int) {
	s.tokens = append(s.tokens, pythonToken{
		class: class, text: s.source[s.at : s.at+size], line: s.line, depth: len(s.brackets), indented: s.indented,
	})
	s.at += size
}

func (s *pythonScanner) continuation(rest string) *pythonError {
	size := len("\\\n")
	if strings.HasPrefix(rest, "\\\r\n") {
		size++
	}
	if len(rest) < size || rest[size-1] != '\n' {
		return &pythonError{line: s.line, problem: `a "\" does not end its line`}
	}
	s.at += size
	s.line++
	return nil
}

// quoted takes a string, whose prefix has a length.
func (s *pythonScanner) quoted(prefix int) *pythonError {
	begin := s.source[s.at+prefix:]
	quote := begin[:1]
	if strings.HasPrefix(begin, strings.Repeat(quote, 3)) {
		quote = begin[:3]
	}
	at := len(quote)
	for !strings.HasPrefix(begin[at:], quote) {
		if at+1 < len(begin) && begin[at] == '\\' {
			at++
		} else if at == len(begin) || begin[at] == '\n' && len(quote) == 1 {
			return &pythonError{line: s.line, problem: "a string is never closed"}
		}
		at++
	}
	size := prefix + at + len(quote)
	lines := strings.Count(s.source[s.at:s.at+size], "\n")
	s.take(quoted, size)
	s.line += lines
	return nil
}

func (s *pythonScanner) operator(rest string) *pythonError {
	size := 1
	for _, long := range longOperators {
		if strings.HasPrefix(rest, long) {
			size = len(long)
			break
		}
	}
	if strings.IndexByte("()[]{}+-*/%@&|^~<>=.,:;!", rest[0]) < 0 {
		return &pythonError{line: s.line, problem: "a character stands there that Python does not know"}
	}
	open := len(s.brackets)
	switch rest[0] {
	case '(', '[', '{':
		s.take(operator, size)
		s.brackets = append(s.brackets, s.tokens[len(s.tokens)-1])
		return nil
	case ')', ']', '}':
		if open == 0 || s.brackets[open-1].text != opening(rest[0]) {
			return &pythonError{line: s.line, problem: "a bracket is closed that is not open"}
		}
		s.brackets = s.brackets[:open-1]
	}
	s.take(operator, size)
	return nil
}

// longOperators are those of more than one character, longer ones first.
var longOperators = []string{
	"**=", "//=", ">>=", "<<=", "...", "==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "%=", "@=", "&=", "|=", "^=", "->", "**", "//", ">>", "<<",
}

func opening(closing byte) string {
	switch closing {
	case ')':
		return "("
	case ']':
		return "["
	}
	return "{"
}

func isPrefix(letters string) bool {
	switch strings.ToLower(letters) {
	case "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt":
		return true
	}
	return false
}

func isDigit(letter byte) bool { return letter >= '0' && letter <= '9' }

func isWordByte(letter byte) bool {
	return letter == '_' || letter >= 0x80 || isDigit(letter) || letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z'
}

func length(rest string, belongs func(byte) bool) int {
	size := 0
	for size < len(rest) && belongs(rest[size]) {
		size++
	}
	return size
}

func lengthUntil(rest, end string) int {
	if at := strings.Index(rest, end); at >= 0 {
		return at
	}
	return len(rest)
}
