package config

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// document is one parsed file.
type document struct {
	file string
	root ast.Node
	// reason says why the document holds nothing to read.
	reason string
	// anchors are the anchors of each name, in their order.
	anchors map[string][]*ast.AnchorNode
	// visits counts the nodes that were looked at through aliases, of which a
	// small file can make very many.
	visits int
}

// maximumDepth and maximumVisits keep a file whose aliases multiply or contain
// themselves from taking all memory.
const (
	maximumDepth  = 50
	maximumVisits = 100_000
)

// section is a key of a mapping with its value.
type section struct {
	document *document
	name     string
	position Position
	value    ast.Node
}

func parse(file string, data []byte) (*document, error) {
	parsed, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(file, err)
	}
	d := &document{file: file, anchors: map[string][]*ast.AnchorNode{}}
	for _, part := range parsed.Docs {
		if part.Body == nil || part.Body.Type() == ast.CommentType {
			continue
		}
		if d.root != nil {
			return nil, &SyntaxError{Position: d.position(part.Body), Problem: "a second YAML document begins; a configuration file holds one"}
		}
		d.root = part.Body
	}
	d.reason = d.nothingToRead()
	if d.reason == "" {
		ast.Walk(anchorCollector(d.anchors), d.root)
	}
	return d, nil
}

func (d *document) nothingToRead() string {
	switch {
	case d.root == nil, d.root.Type() == ast.NullType:
		return "it is empty"
	case d.root.Type() != ast.MappingType && d.root.Type() != ast.MappingValueType:
		return "it is not a mapping"
	}
	return ""
}

// syntaxError keeps the position and the description of an error. The
// library's own text shows the lines around it, secrets included.
func syntaxError(file string, err error) error {
	position := Position{File: file, Line: 1, Column: 1}
	problem := "not YAML"
	if described, ok := errors.AsType[yaml.Error](err); ok {
		problem = withoutQuotation(described.GetMessage())
		if token := described.GetToken(); token != nil && token.Position != nil {
			position.Line, position.Column = token.Position.Line, token.Position.Column
		}
	}
	return &SyntaxError{Position: position, Problem: problem}
}

// withoutQuotation cuts what quotes the file. Single quotes hold YAML's own
// punctuation, except after "character".
func withoutQuotation(message string) string {
	for _, opening := range []string{`"`, "character '"} {
		if before, _, found := strings.Cut(message, opening); found {
			message = before
		}
	}
	message = strings.TrimSpace(message)
	if message == "" {
		return "not YAML"
	}
	return message
}

type anchorCollector map[string][]*ast.AnchorNode

// Visit collects the anchors under a node.
func (c anchorCollector) Visit(node ast.Node) ast.Visitor {
	if anchor, found := node.(*ast.AnchorNode); found && anchor.Name != nil {
		name := anchor.Name.GetToken().Value
		c[name] = append(c[name], anchor)
	}
	return c
}

func (d *document) position(node ast.Node) Position {
	position := Position{File: d.file, Line: 1, Column: 1}
	if node == nil {
		return position
	}
	if token := node.GetToken(); token != nil && token.Position != nil {
		position.Line, position.Column = token.Position.Line, token.Position.Column
	}
	return position
}

// resolve follows aliases and looks into anchors and tags, except !!str, which
// matters for the value. It gives nil for an alias of nothing or of itself.
func (d *document) resolve(node ast.Node) ast.Node {
	for range maximumDepth {
		if d.visits++; d.visits > maximumVisits {
			return nil
		}
		switch wrapper := node.(type) {
		case *ast.AnchorNode:
			node = wrapper.Value
		case *ast.AliasNode:
			node = d.target(wrapper)
		case *ast.TagNode:
			if wrapper.Start.Value == "!!str" {
				return wrapper
			}
			node = wrapper.Value
		default:
			return node
		}
	}
	return nil
}

// target is what an alias stands for: the last anchor of its name before it.
func (d *document) target(alias *ast.AliasNode) ast.Node {
	var target ast.Node
	for _, anchor := range d.anchors[alias.Value.GetToken().Value] {
		if anchor.GetToken().Position.Offset < alias.GetToken().Position.Offset {
			target = anchor.Value
		}
	}
	return target
}
