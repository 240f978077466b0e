package tables

import (
	"regexp"
	"strings"
)

// Foreign keys as a CREATE TABLE names them: in a clause of their own, or at a column.
var (
	foreignKeyClause = regexp.MustCompile(`(?is)^\s*(CONSTRAINT\s+\S+\s+)?FOREIGN\s+KEY\b`)
	referenceWords   = regexp.MustCompile(`(?is)\sREFERENCES\s+\S+\s*\([^)]*\)(\s+ON\s+(DELETE|UPDATE)\s+(CASCADE|RESTRICT|SET\s+NULL|NO\s+ACTION|SET\s+DEFAULT))*`)
)

// withoutForeignKeys takes the foreign keys out of a CREATE TABLE, since temporary tables can have none.
func withoutForeignKeys(statement string) string {
	open := strings.IndexByte(statement, '(')
	if open < 0 {
		return statement
	}
	clauses, rest := splitClauses(statement[open+1:])
	var kept []string
	for _, clause := range clauses {
		if !foreignKeyClause.MatchString(clause) {
			kept = append(kept, referenceWords.ReplaceAllString(clause, ""))
		}
	}
	return statement[:open+1] + strings.Join(kept, ",") + rest
}

// splitClauses splits what stands between the parentheses of a CREATE TABLE at its commas, without the comments. rest begins with the
// parenthesis that closes.
func splitClauses(text string) (clauses []string, rest string) {
	var clause strings.Builder
	depth := 0
	for i := 0; i < len(text); i++ {
		switch letter := text[i]; {
		case strings.HasPrefix(text[i:], "-- "), letter == '#':
			i += lengthUntil(text[i:], "\n") - 1
			clause.WriteByte('\n')
		case strings.HasPrefix(text[i:], "/*"):
			i += lengthUntil(text[i:], "*/") - 1
		case letter == '\'' || letter == '"' || letter == '`':
			quoted := quotedLength(text[i:])
			clause.WriteString(text[i : i+quoted])
			i += quoted - 1
		case letter == ')' && depth == 0:
			return append(clauses, clause.String()), text[i:]
		case letter == ',' && depth == 0:
			clauses = append(clauses, clause.String())
			clause.Reset()
		default:
			depth += strings.Count(string(letter), "(") - strings.Count(string(letter), ")")
			clause.WriteByte(letter)
		}
	}
	return append(clauses, clause.String()), ""
}

// lengthUntil is how long a text is up to the end of a mark.
func lengthUntil(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}

// quotedLength is how long a text in quotes is; a quote in it is doubled or has a backslash before.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] != '`':
			i++
		case text[i] == text[0]:
			return i + 1 // the second of two begins another one, which is as good
		}
	}
	return len(text)
}
