package sqltext

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// class is what kind of token one is.
type class int

const (
	blank class = iota
	comment
	word
	number
	name // quoted
	text // quoted
	sign
	delimiter
	hintOpen  // the beginning of a comment that MySQL executes: /*!50100
	hintClose // its end
	command   // of psql, such as \connect
)

// token is a piece of text. All tokens together are the text.
type token struct {
	class      class
	start, end int  // bytes
	unclosed   bool // it goes to the end of the text because its end is missing
}

// lexer takes a text apart, as an engine does.
type lexer struct {
	kind      engine.Kind
	text      string
	at        int
	delimiter string // what ends a statement
	hints     int    // how many of MySQL's executed comments are open
}

func newLexer(kind engine.Kind, text string) *lexer {
	return &lexer{kind: kind, text: text, at: newPlace(text).at, delimiter: ";"}
}

// next returns the next token; it reports false at the end of the text.
func (l *lexer) next() (token, bool) {
	if l.at >= len(l.text) {
		return token{}, false
	}
	found := token{start: l.at}
	var length int
	length, found.class = l.measure(l.text[l.at:])
	if length < 0 {
		length, found.unclosed = len(l.text)-l.at, true
	}
	l.at += length
	found.end = l.at
	return found, true
}

// measure returns the length and the class of the token that the rest of the text begins with; an unclosed one has the
// length -1.
func (l *lexer) measure(rest string) (int, class) {
	if strings.HasPrefix(rest, l.delimiter) {
		return len(l.delimiter), delimiter
	}
	if length := l.blanks(rest); length > 0 {
		return length, blank
	}
	if length := l.comment(rest); length != 0 {
		return length, comment
	}
	if length, class := l.hint(rest); length > 0 {
		return length, class
	}
	if length, class := l.quoted(rest); length != 0 {
		return length, class
	}
	if length, class := l.plain(rest); length > 0 {
		return length, class
	}
	return l.sign(rest)
}

// blanks measures white space. To SQLite a vertical tab is none.
func (l *lexer) blanks(rest string) int {
	length := 0
	for length < len(rest) && isBlank(rest[length]) && (rest[length] != '\v' || l.kind != engine.SQLite) {
		length++
	}
	return length
}

// plain measures a word or a number. The delimiter of MySQL's client ends them where it stands in them.
func (l *lexer) plain(rest string) (int, class) {
	digit := rest[0] >= '0' && rest[0] <= '9'
	if !digit && (!isWord(rest[0]) || rest[0] == '$' && l.kind == engine.Postgres) {
		return 0, sign
	}
	length := 1
	for length < len(rest) && l.continues(rest, length, digit) {
		length++
	}
	if digit {
		return length, number
	}
	return length, word
}

// continues reports whether a word or a number goes on.
func (l *lexer) continues(rest string, at int, digit bool) bool {
	if l.delimiter != ";" && strings.HasPrefix(rest[at:], l.delimiter) {
		return false
	}
	if digit && rest[at] == '.' {
		return at+1 < len(rest) && rest[at+1] >= '0' && rest[at+1] <= '9'
	}
	return isWord(rest[at]) && (!digit || rest[at] != '$' || l.kind != engine.Postgres)
}

// sign measures a single sign, and what begins with one.
func (l *lexer) sign(rest string) (int, class) {
	switch {
	case l.kind == engine.MySQL && strings.HasPrefix(rest, ":="):
		return 2, sign
	case l.kind == engine.Postgres && rest[0] == '\\':
		return lineLength(l.kind, rest), command
	case l.kind == engine.Postgres && rest[0] == '$':
		return 1 + len(rest[1:]) - len(strings.TrimLeft(rest[1:], "0123456789")), sign // $1 is a parameter
	}
	return 1, sign
}

// isWord holds for what names and keywords consist of. To all engines every byte beyond ASCII is a letter.
func isWord(character byte) bool {
	return character >= 'a' && character <= 'z' || character >= 'A' && character <= 'Z' ||
		character >= '0' && character <= '9' || character == '_' || character == '$' || character >= 0x80
}

func isBlank(character byte) bool {
	return character == ' ' || character >= '\t' && character <= '\r'
}
