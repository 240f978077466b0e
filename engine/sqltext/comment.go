package sqltext

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// comment measures a comment: 0 when there is none, -1 when it is not closed.
func (l *lexer) comment(rest string) int {
	switch {
	case l.lineComment(rest):
		return lineLength(l.kind, rest)
	case !strings.HasPrefix(rest, "/*") || l.kind == engine.MySQL && hintMark(rest) > 0:
		return 0
	case l.kind == engine.Postgres:
		return nestedComment(rest)
	}
	if end := strings.Index(rest[2:], "*/"); end >= 0 {
		return 2 + end + 2
	}
	return -1
}

// lineComment reports whether a comment begins here that ends with the line. MySQL wants a blank or a control character
// behind its two dashes (https://dev.mysql.com/doc/refman/8.4/en/ansi-diff-comments.html).
func (l *lexer) lineComment(rest string) bool {
	if l.kind == engine.MySQL {
		return rest[0] == '#' ||
			strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' ' || rest[2] == 0x7f)
	}
	return strings.HasPrefix(rest, "--")
}

// lineLength measures the rest of the line, without its end. Only PostgreSQL takes a lone carriage return for the end.
func lineLength(kind engine.Kind, rest string) int {
	ends := "\n"
	if kind == engine.Postgres {
		ends = "\r\n"
	}
	if end := strings.IndexAny(rest, ends); end >= 0 {
		return end
	}
	return len(rest)
}

// nestedComment measures a comment of PostgreSQL, in which comments may stand.
func nestedComment(rest string) int {
	depth := 0
	for at := 0; at+1 < len(rest); at++ {
		switch rest[at : at+2] {
		case "/*":
			depth++
			at++
		case "*/":
			depth--
			at++
		}
		if depth == 0 {
			return at + 1
		}
	}
	return -1
}

// hint measures the beginning or the end of a comment that MySQL or MariaDB executes; what stands in it is content.
func (l *lexer) hint(rest string) (int, class) {
	if l.kind != engine.MySQL {
		return 0, sign
	}
	if length := hintMark(rest); length > 0 {
		l.hints++
		for length < len(rest) && rest[length] >= '0' && rest[length] <= '9' {
			length++
		}
		return length, hintOpen
	}
	if l.hints > 0 && strings.HasPrefix(rest, "*/") {
		l.hints--
		return 2, hintClose
	}
	return 0, sign
}

// hintMark measures the mark of an executed comment; MariaDB's own begin with M.
func hintMark(rest string) int {
	for _, mark := range []string{"/*!", "/*M!"} {
		if strings.HasPrefix(rest, mark) {
			return len(mark)
		}
	}
	return 0
}
