package sqltext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Statement is one statement of a text.
type Statement struct {
	Text         string   // from its first to its last token, without the ";", and with the comments in between
	Line, Column int      // of its first character in the text; both count from 1, the column in characters
	Marks        []string // the words of the comment lines "-- synapse: …" before it
	Offset       int      // of its first byte in the text
}

// Split takes a text apart. A statement ends with a ";" that stands in no quotes, comment, or body of a trigger or
// routine, the last one also with the text; empty ones are left out. In PostgreSQL's text a ";" in parentheses ends
// nothing, as with psql, and the lines \restrict and \unrestrict of pg_dump are passed over; in MySQL's the command
// DELIMITER of its client is understood. A byte order mark at the beginning is passed over. The error is a *SyntaxError.
func Split(kind engine.Kind, text string) ([]Statement, error) { return split(kind, text, false) }

// SplitUnmarked is Split for text that somebody else has written: "-- synapse: …" is a comment there like any other.
func SplitUnmarked(kind engine.Kind, text string) ([]Statement, error) {
	return split(kind, text, true)
}

func split(kind engine.Kind, text string, unmarked bool) ([]Statement, error) {
	if !slices.Contains([]engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL}, kind) {
		return nil, &SyntaxError{Line: 1, Column: 1, Problem: fmt.Sprintf("there are no rules for the SQL of engine %q", string(kind))}
	}
	if bad := badByte(text); bad != nil {
		return nil, bad.in(text)
	}
	s := splitter{lexer: newLexer(kind, text), place: newPlace(text), first: -1, unmarked: unmarked}
	if wrong := s.run(); wrong != nil {
		return nil, wrong.in(text)
	}
	return s.statements, nil
}

// splitter collects statements.
type splitter struct {
	lexer      *lexer
	unmarked   bool   // comments are only comments
	place      *place // of the last statement
	statements []Statement

	marks       []string // for the statement to come
	mark        int      // where the last of them stands
	first, last int      // the present statement's first byte, -1 before it; and the byte behind its last
	empty       bool     // the present statement has no token yet but the mark of an executed comment
	bounds      bounds   // of the present statement
	hint        int      // where the executed comment begins that is open
}

// bounds follows one statement, to tell whether a ";" ends it.
type bounds interface {
	// take is told each token that is no blank and no comment.
	take(found token, spelled string) *fault
	// open returns what has to be closed before the statement may end; nil when nothing has to.
	open() *fault
}

func (s *splitter) run() *fault {
	for {
		found, more := s.lexer.next()
		if !more {
			return s.finish()
		}
		if wrong := s.take(found); wrong != nil {
			return wrong
		}
	}
}

func (s *splitter) take(found token) *fault {
	spelled := s.lexer.text[found.start:found.end]
	if found.unclosed && (found.class != comment || s.lexer.kind != engine.SQLite) {
		return unclosed(found, spelled)
	}
	switch {
	case found.class == blank:
		return nil
	case found.class == comment:
		return s.comment(found, spelled)
	case found.class == delimiter:
		return s.delimiter(found, spelled)
	case s.first < 0:
		return s.begin(found, spelled)
	}
	return s.content(found, spelled)
}

// begin takes the first token of a statement, or a command that no server knows.
func (s *splitter) begin(found token, spelled string) *fault {
	if found.class == command && isRestriction(spelled) {
		return nil
	}
	if s.lexer.kind == engine.MySQL && found.class == word && strings.EqualFold(spelled, "DELIMITER") {
		return s.lexer.setDelimiter(found)
	}
	s.first, s.empty = found.start, true
	s.bounds = newBounds(s.lexer.kind)
	return s.content(found, spelled)
}

func (s *splitter) content(found token, spelled string) *fault {
	s.last = found.end
	switch found.class {
	case command:
		return &fault{found.start, strings.TrimSpace(spelled) + " is for psql, and no server knows it: write it as SQL, or leave it out"}
	case hintOpen:
		s.hint = found.start
		return nil
	case hintClose:
		return nil
	default:
		s.empty = false
		return s.bounds.take(found, spelled)
	}
}

// delimiter ends the statement, unless it stands in a body. The body's end need not be known where the file has
// its own delimiter.
func (s *splitter) delimiter(found token, spelled string) *fault {
	if s.first < 0 {
		return s.end()
	}
	own := s.lexer.delimiter != ";"
	if s.lexer.hints == 0 && (own || s.bounds.open() == nil) {
		return s.end()
	}
	s.last = found.end
	return s.bounds.take(found, spelled)
}

// end adds the present statement, if there is one.
func (s *splitter) end() *fault {
	if s.first < 0 || s.empty {
		s.first = -1
		if s.marks != nil {
			return &fault{s.mark, "a mark before an empty statement: no statement gets it"}
		}
		return nil
	}
	found := s.lexer.text[s.first:s.last]
	if s.lexer.kind == engine.MySQL && strings.HasSuffix(found, "--") { // without what follows, they would begin a comment
		return &fault{s.first, "a statement that ends with --: a comment needs a blank behind the dashes"}
	}
	s.place.advance(s.first)
	s.statements = append(s.statements, Statement{
		Text: found, Line: s.place.line, Column: s.place.column, Marks: s.marks, Offset: s.first,
	})
	s.marks, s.first = nil, -1
	return nil
}

// finish ends the last statement with the text.
func (s *splitter) finish() *fault {
	if s.first < 0 && s.marks != nil {
		return &fault{s.mark, "a mark behind the last statement: it has to stand before the one it is for"}
	}
	if s.first < 0 {
		return nil
	}
	if s.lexer.hints > 0 {
		return &fault{s.hint, "a comment begins here that is not closed by */"}
	}
	if s.lexer.delimiter == ";" {
		if open := s.bounds.open(); open != nil {
			return open
		}
	}
	return s.end()
}

func newBounds(kind engine.Kind) bounds {
	switch kind {
	case engine.Postgres:
		return &postgresBounds{}
	case engine.MySQL:
		return &mysqlBounds{}
	default:
		return &sqliteBounds{}
	}
}

// unclosed says what begins and does not end.
func unclosed(found token, spelled string) *fault {
	switch {
	case found.class == comment:
		return &fault{found.start, "a comment begins here that is not closed by */"}
	case found.class == text && spelled[0] == '$':
		tag := spelled[:strings.IndexByte(spelled[1:], '$')+2]
		return &fault{found.start, "a text begins here that is not closed by " + tag}
	case found.class == name:
		return &fault{found.start, "a quoted name begins here that is not closed"}
	}
	return &fault{found.start, "a quoted text begins here that is not closed"}
}

// isRestriction holds for the two commands that pg_dump puts around its statements. They restrict what psql does itself.
func isRestriction(spelled string) bool {
	command, _, _ := strings.Cut(spelled, " ")
	return command == `\restrict` || command == `\unrestrict`
}
