package sqltext

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Token is a word, a quoted name, a number, a quoted text, a parameter ($1) or a single sign of a statement.
type Token struct {
	Text   string // as it is written, with its quotes
	Name   string // the name that a word or a quoted name stands for, as the engine stores it; "" for anything else
	Quoted bool   // it is a quoted name, or a quoted text
	Offset int    // of its first byte
}

// Tokens returns the first tokens of a statement, at most limit, without its comments. Where a quote is not closed, the
// rest is one token.
func Tokens(kind engine.Kind, statement string, limit int) []Token {
	var tokens []Token
	for l := newLexer(kind, statement); len(tokens) < limit; {
		found, more := l.next()
		if !more {
			break
		}
		switch found.class {
		case blank, comment, hintOpen, hintClose:
		default:
			tokens = append(tokens, newToken(kind, found, statement[found.start:found.end]))
		}
	}
	return tokens
}

// Words returns the first tokens of a statement, at most limit, without its comments: words in upper case, whether
// keywords or names, quoted names without their quotes and as they are, and everything else as it is written: numbers,
// quoted texts with their quotes, parameters and single signs. Names are better taken from Tokens.
func Words(kind engine.Kind, statement string, limit int) []string {
	var words []string
	for _, found := range Tokens(kind, statement, limit) {
		switch {
		case found.Name == "":
			words = append(words, found.Text)
		case found.Quoted:
			words = append(words, found.Name)
		default:
			words = append(words, strings.ToUpper(found.Text))
		}
	}
	return words
}

func newToken(kind engine.Kind, found token, spelled string) Token {
	result := Token{Text: spelled, Quoted: found.class == name || found.class == text, Offset: found.start}
	switch {
	case found.class == name:
		result.Name = unquote(spelled)
	case found.class == word && kind == engine.Postgres:
		result.Name = foldASCII(spelled)
	case found.class == word:
		result.Name = spelled
	}
	return result
}

// unquote returns the name in the quotes. The escapes of PostgreSQL's U&"…" stay as they are written.
func unquote(spelled string) string {
	if len(spelled) > 2 && spelled[1] == '&' {
		spelled = spelled[2:]
	}
	quote := spelled[:1]
	if quote == "[" {
		return strings.TrimSuffix(spelled[1:], "]")
	}
	return strings.ReplaceAll(strings.TrimSuffix(spelled[1:], quote), quote+quote, quote)
}

// foldASCII lowers a name as PostgreSQL does in a database with UTF-8: letters beyond ASCII stay.
func foldASCII(spelled string) string {
	return strings.Map(func(character rune) rune {
		if character >= 'A' && character <= 'Z' {
			return character - 'A' + 'a'
		}
		return character
	}, spelled)
}
