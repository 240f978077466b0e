package significance

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// value is a JSON value: what is compared with another one.
type value struct {
	// kind is the first character of what the value is: { [ " t f n, and 0 for a number.
	kind byte
	// text is a number as it was written, or the characters of a string.
	text []byte
	// members are those of an object, by name, and the elements of an array, as they come.
	members []member
}

type member struct {
	name []byte // nil in an array
	value
}

// parse reads a document, which has to be one JSON value.
func parse(document []byte) (value, error) {
	if !json.Valid(document) {
		return value{}, invalid(document)
	}
	p := parser{rest: document}
	return p.value(), nil
}

// invalid is why a document is not valid.
func invalid(document []byte) error {
	var unread json.RawMessage
	if err := json.Unmarshal(document, &unread); err != nil {
		return err
	}
	return errors.New("it is not JSON")
}

// parser reads text that is known to be valid, so that it looks for no errors.
type parser struct{ rest []byte }

// next gives the first character of what follows, which stays.
func (p *parser) next() byte {
	for p.rest[0] == ' ' || p.rest[0] == '\t' || p.rest[0] == '\n' || p.rest[0] == '\r' {
		p.rest = p.rest[1:]
	}
	return p.rest[0]
}

func (p *parser) take(length int) []byte {
	taken := p.rest[:length]
	p.rest = p.rest[length:]
	return taken
}

func (p *parser) value() value {
	switch first := p.next(); first {
	case '{':
		return value{kind: '{', members: byName(p.members('}', true))}
	case '[':
		return value{kind: '[', members: p.members(']', false)}
	case '"':
		return value{kind: '"', text: p.characters()}
	case 't', 'n':
		p.take(len("true"))
		return value{kind: first}
	case 'f':
		p.take(len("false"))
		return value{kind: first}
	default:
		return value{text: p.take(numberLength(p.rest))}
	}
}

func numberLength(text []byte) int {
	for i, character := range text {
		switch character {
		case ' ', '\t', '\n', '\r', ',', ']', '}':
			return i
		}
	}
	return len(text)
}

// members reads an object or an array up to its last character.
func (p *parser) members(last byte, named bool) []member {
	p.take(1)
	var members []member
	for {
		switch p.next() {
		case last:
			p.take(1)
			return members
		case ',':
			p.take(1)
			p.next()
		}
		if members == nil {
			members = make([]member, 0, 8) // enough for most
		}
		var one member
		if named {
			one.name = p.characters()
			p.next()
			p.take(1) // the colon
		}
		one.value = p.value()
		members = append(members, one)
	}
}

// characters reads a string as encoding/json does: what is not a character becomes U+FFFD.
func (p *parser) characters() []byte {
	end, plain := 1, true
	for p.rest[end] != '"' {
		if p.rest[end] == '\\' {
			end++
			plain = false
		}
		end++
	}
	quoted := p.take(end + 1)
	if inside := quoted[1:end]; plain && utf8.Valid(inside) {
		return inside
	}
	return decoded(quoted)
}

func decoded(quoted []byte) []byte {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return quoted // not reached: the document is valid
	}
	return []byte(text)
}

// byName sorts the members of an object. Of several with the same name the last one stays, as in encoding/json.
func byName(members []member) []member {
	order := func(a, b member) int { return bytes.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(members, order) {
		slices.SortStableFunc(members, order)
	}
	kept := members[:0]
	for i, one := range members {
		if i+1 == len(members) || !bytes.Equal(one.name, members[i+1].name) {
			kept = append(kept, one)
		}
	}
	return kept
}

// DocumentError says which of two documents is not JSON.
type DocumentError struct {
	// Document is which one: "first", "second", or "state before" and its like.
	Document string
	Err      error
}

// Error names the document and what is wrong.
func (e *DocumentError) Error() string {
	return "compare JSON: the document " + strconv.Quote(e.Document) + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DocumentError) Unwrap() error { return e.Err }
