package sqltext

import (
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Bind turns the "?" of a statement into PostgreSQL's $1, $2 and so on, and "??" into the operator "?". What stands in
// quotes and comments stays as it is.
func Bind(statement string) string {
	if !strings.Contains(statement, "?") {
		return statement
	}
	var bound strings.Builder
	count, copied := 0, 0
	l := newLexer(engine.Postgres, statement)
	for found, more := l.next(); more; found, more = l.next() {
		if found.class != sign || statement[found.start] != '?' {
			continue
		}
		bound.WriteString(statement[copied:found.start])
		if strings.HasPrefix(statement[found.end:], "?") {
			l.at++
			bound.WriteByte('?')
		} else {
			count++
			bound.WriteString(parameter(statement, found, count))
		}
		copied = l.at
	}
	bound.WriteString(statement[copied:])
	return bound.String()
}

// parameter returns $1, with a blank where it would otherwise become one word with its neighbour.
func parameter(statement string, mark token, number int) string {
	spelled := "$" + strconv.Itoa(number)
	if mark.start > 0 && isWord(statement[mark.start-1]) {
		spelled = " " + spelled
	}
	if mark.end < len(statement) && isWord(statement[mark.end]) {
		spelled += " "
	}
	return spelled
}
