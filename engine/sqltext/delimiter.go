package sqltext

import (
	"fmt"
	"strings"
)

// longestDelimiter is what MySQL's client takes, in bytes.
const longestDelimiter = 15

// setDelimiter reads the rest of a line that begins with DELIMITER, which is a command of MySQL's client
// (https://dev.mysql.com/doc/refman/8.4/en/mysql-commands.html).
func (l *lexer) setDelimiter(command token) *fault {
	rest := l.text[command.end:]
	line := rest[:lineLength(l.kind, rest)]
	chosen, behind := cutField(line)
	switch {
	case chosen == "":
		return &fault{command.start, "DELIMITER has to be followed by what shall end the statements"}
	case len(chosen) > longestDelimiter:
		return &fault{command.start, fmt.Sprintf("a delimiter has at most %d bytes", longestDelimiter)}
	case strings.ContainsAny(chosen, "\\'\"`"):
		return &fault{command.start, "a delimiter has no backslash and no quote in it"}
	case behind != "" && !l.lineComment(behind):
		return &fault{command.start, "only the delimiter may follow DELIMITER on its line"}
	}
	l.delimiter = chosen
	l.at = command.end + len(line)
	return nil
}

// cutField returns the first word of a line, and what stands behind it, without the blanks around both.
func cutField(line string) (field, behind string) {
	line = strings.TrimSpace(line)
	if end := strings.IndexFunc(line, isSpace); end >= 0 {
		return line[:end], strings.TrimSpace(line[end:])
	}
	return line, ""
}
