package sqltext

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// quoted measures a quoted name or text: 0 when there is none, -1 when it is not closed.
func (l *lexer) quoted(rest string) (int, class) {
	switch l.kind {
	case engine.Postgres:
		return postgresQuoted(rest)
	case engine.MySQL:
		return mysqlQuoted(rest)
	default:
		return sqliteQuoted(rest)
	}
}

func sqliteQuoted(rest string) (int, class) {
	switch rest[0] {
	case '\'':
		return doubled(rest, 0), text
	case '"', '`':
		return doubled(rest, 0), name
	case '[':
		return through(rest, 1, "]"), name
	}
	return 0, sign
}

func mysqlQuoted(rest string) (int, class) {
	switch rest[0] {
	case '\'', '"':
		return escaped(rest, 0), text
	case '`':
		return doubled(rest, 0), name
	}
	return 0, sign
}

// postgresQuoted follows https://www.postgresql.org/docs/current/sql-syntax-lexical.html. U& changes nothing about where
// a quote ends, nor do the prefixes B, X and N, which are read as words of their own.
func postgresQuoted(rest string) (int, class) {
	switch {
	case rest[0] == '\'':
		return doubled(rest, 0), text
	case rest[0] == '"':
		return doubled(rest, 0), name
	case rest[0] == '$':
		return dollarQuoted(rest), text
	case len(rest) < 2:
		return 0, sign
	case (rest[0] == 'e' || rest[0] == 'E') && rest[1] == '\'':
		return continued(rest, 1), text
	case (rest[0] == 'u' || rest[0] == 'U') && strings.HasPrefix(rest[1:], "&'"):
		return doubled(rest, 2), text
	case (rest[0] == 'u' || rest[0] == 'U') && strings.HasPrefix(rest[1:], `&"`):
		return doubled(rest, 2), name
	}
	return 0, sign
}

// doubled measures a quote that opens at a byte of the rest, in which the quote itself stands twice.
func doubled(rest string, open int) int {
	quote := rest[open]
	for at := open + 1; at < len(rest); at++ {
		skipped := strings.IndexByte(rest[at:], quote)
		if skipped < 0 {
			return -1
		}
		at += skipped
		if at+1 == len(rest) || rest[at+1] != quote {
			return at + 1
		}
		at++
	}
	return -1
}

// escaped measures a quote in which also a backslash takes the quote its meaning.
func escaped(rest string, open int) int {
	quote := rest[open]
	for at := open + 1; at < len(rest); at++ {
		switch rest[at] {
		case '\\':
			at++
		case quote:
			if at+1 == len(rest) || rest[at+1] != quote {
				return at + 1
			}
			at++
		}
	}
	return -1
}

// continued measures a text with backslashes that may go on in further lines, each quoted by itself: the parts behind
// have no E before their quote, but the backslash keeps its meaning.
func continued(rest string, open int) int {
	end := escaped(rest, open)
	for end >= 0 {
		next := continuation(rest, end)
		if next < 0 {
			return end
		}
		end = escaped(rest, next)
	}
	return -1
}

// continuation finds the quote that continues a text: only blanks with a line's end, and comments, stand before it.
func continuation(rest string, at int) int {
	line := false
	for at < len(rest) {
		switch {
		case isBlank(rest[at]):
			line = line || rest[at] == '\n' || rest[at] == '\r'
			at++
		case strings.HasPrefix(rest[at:], "--"):
			at += lineLength(engine.Postgres, rest[at:])
		case rest[at] == '\'' && line:
			return at
		default:
			return -1
		}
	}
	return -1
}

// dollarQuoted measures $$…$$ and $tag$…$tag$: 0 when the dollar sign begins neither.
func dollarQuoted(rest string) int {
	end := 1
	for end < len(rest) && isWord(rest[end]) && rest[end] != '$' {
		end++
	}
	if end == len(rest) || rest[end] != '$' || rest[1] >= '0' && rest[1] <= '9' {
		return 0
	}
	return through(rest, end+1, rest[:end+1])
}

// through returns the length up to the end of a mark, which is looked for from a byte on.
func through(rest string, from int, mark string) int {
	if found := strings.Index(rest[from:], mark); found >= 0 {
		return from + found + len(mark)
	}
	return -1
}
