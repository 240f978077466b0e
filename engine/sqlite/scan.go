package sqlite

import "strings"

// token is one token of SQL text as SQLite splits it, as far as declarations need it.
type token struct {
	text       string
	start, end int // bytes
	depth      int // of parentheses around it
}

// scan splits SQL text into words, quoted names and strings, and single signs. White space and comments are left out.
func scan(text string) []token {
	var tokens []token
	depth := 0
	for at := 0; at < len(text); {
		end, significant := tokenEnd(text, at)
		if significant {
			word := text[at:end]
			if word == ")" {
				depth--
			}
			tokens = append(tokens, token{text: word, start: at, end: end, depth: depth})
			if word == "(" {
				depth++
			}
		}
		at = end
	}
	return tokens
}

func tokenEnd(text string, at int) (end int, significant bool) {
	rest := text[at:]
	switch character := rest[0]; {
	case strings.IndexByte(" \t\n\r\f", character) >= 0:
		return at + 1, false
	case strings.HasPrefix(rest, "--"):
		return at + after(rest, 2, "\n"), false
	case strings.HasPrefix(rest, "/*"):
		return at + after(rest, 2, "*/"), false
	case character == '[':
		return at + after(rest, 1, "]"), true
	case character == '"' || character == '`' || character == '\'':
		return at + quotedLength(rest), true
	case isWord(character):
		length := 1
		for length < len(rest) && isWord(rest[length]) {
			length++
		}
		return at + length, true
	}
	return at + 1, true
}

// after returns where the text behind the mark begins, or the length when there is no mark.
func after(text string, from int, mark string) int {
	if found := strings.Index(text[from:], mark); found >= 0 {
		return from + found + len(mark)
	}
	return len(text)
}

// quotedLength measures a quoted token, in which its quote stands doubled.
func quotedLength(text string) int {
	for at := 1; at < len(text); at++ {
		if text[at] != text[0] {
			continue
		}
		if at+1 == len(text) || text[at+1] != text[0] {
			return at + 1
		}
		at++
	}
	return len(text)
}

// isWord follows SQLite, to which every byte beyond ASCII is a letter.
func isWord(character byte) bool {
	return character >= 'a' && character <= 'z' || character >= 'A' && character <= 'Z' ||
		character >= '0' && character <= '9' || character == '_' || character == '$' || character >= 0x80
}

// unquote returns the name or string that a token stands for.
func unquote(text string) string {
	if len(text) < 2 {
		return text
	}
	switch quote := text[:1]; quote {
	case "[":
		return strings.TrimSuffix(text[1:], "]")
	case `"`, "`", "'":
		return strings.ReplaceAll(strings.TrimSuffix(text[1:], quote), quote+quote, quote)
	}
	return text
}
