package significance

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

// tree is a document that has been read. Its memory is used again for others.
type tree struct {
	nodes []node
	// order has the indexes of nodes: those of a value's members stand together.
	order []int32
	// open has those of the values that are being read.
	open []int32
}

// node is a JSON value.
type node struct {
	// kind is the first character of what the value is: { [ " t f n, and 0 for a number.
	kind byte
	// name is that of a member of an object.
	name []byte
	// text is a number as it was written, or the characters of a string.
	text []byte
	// members are those of an object, by name, and the elements of an array, as they come.
	members []int32
}

// value is a node of a tree.
type value struct {
	*node
	of *tree
}

func (v value) member(i int) value { return value{&v.of.nodes[v.members[i]], v.of} }

func (t *tree) root() value { return value{&t.nodes[0], t} }

var trees = sync.Pool{New: func() any { return new(tree) }}

// parse reads a document, which has to be one JSON value. The tree is to be released.
func parse(document []byte) (*tree, error) {
	if !json.Valid(document) {
		return nil, invalid(document)
	}
	t, _ := trees.Get().(*tree)
	p := parser{tree: t, rest: document}
	p.value(nil)
	return t, nil
}

// release keeps the memory, unless it is much, and lets the document go.
func (t *tree) release() {
	const usual = 1024
	if len(t.nodes) > usual {
		return
	}
	clear(t.nodes)
	t.nodes, t.order = t.nodes[:0], t.order[:0]
	trees.Put(t)
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
type parser struct {
	*tree
	rest []byte
}

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

// value reads the next value, and gives its index.
func (p *parser) value(name []byte) int32 {
	first, index := p.next(), int32(len(p.nodes))
	read := node{kind: first, name: name}
	switch first {
	case '{', '[':
		p.nodes = append(p.nodes, read) // the outermost first
		read.members = p.members(first)
		p.nodes[index] = read
		return index
	case '"':
		read.text = p.characters()
	case 't', 'n':
		p.take(len("true"))
	case 'f':
		p.take(len("false"))
	default:
		read.kind, read.text = 0, p.take(numberLength(p.rest))
	}
	p.nodes = append(p.nodes, read)
	return index
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

// members reads an object or an array to its end.
func (p *parser) members(kind byte) []int32 {
	p.take(1)
	before := len(p.open)
	for {
		switch p.next() {
		case '}', ']':
			p.take(1)
			return p.close(kind, before)
		case ',':
			p.take(1)
			p.next()
		}
		var name []byte
		if kind == '{' {
			name = p.characters()
			p.next()
			p.take(1) // the colon
		}
		p.open = append(p.open, p.value(name))
	}
}

// close keeps the members of one value, which are the last ones that are open.
func (p *parser) close(kind byte, before int) []int32 {
	members := p.open[before:]
	if kind == '{' {
		members = p.byName(members)
	}
	start := len(p.order)
	p.order = append(p.order, members...)
	p.open = p.open[:before]
	return p.order[start:]
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
func (t *tree) byName(members []int32) []int32 {
	order := func(a, b int32) int { return bytes.Compare(t.nodes[a].name, t.nodes[b].name) }
	slices.SortStableFunc(members, order)
	kept := members[:0]
	for i, one := range members {
		if i+1 == len(members) || order(one, members[i+1]) != 0 {
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
