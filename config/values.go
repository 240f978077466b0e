package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// unclear is a value that different versions of YAML read differently, or one
// that is neither a scalar nor a collection.
type unclear struct{}

// entries gives the keys of a mapping in their order, merge keys (<<)
// included, and the keys that are given more than once. Of several entries
// with one key the last one counts, as in the Python homeserver.
func (d *document) entries(node ast.Node) (entries, repeated []section) {
	return d.entriesWithin(node, maximumDepth)
}

func (d *document) entriesWithin(node ast.Node, depth int) (entries, repeated []section) {
	if depth == 0 {
		return nil, nil
	}
	var merged, own []section
	for _, pair := range d.pairs(node) {
		if pair.Key.IsMergeKey() {
			merged = append(merged, d.merged(pair.Value, depth-1)...)
			continue
		}
		entry := section{document: d, name: keyName(d.resolve(pair.Key)), position: d.position(pair.Key), value: pair.Value}
		if put(&own, entry) {
			repeated = append(repeated, entry)
		}
	}
	// What is merged in comes first, so that the mapping's own keys win.
	for _, entry := range own {
		put(&merged, entry)
	}
	return merged, repeated
}

// put adds an entry, or replaces the one with the same key and reports that.
func put(entries *[]section, entry section) bool {
	for i := range *entries {
		if (*entries)[i].name == entry.name {
			(*entries)[i] = entry
			return true
		}
	}
	*entries = append(*entries, entry)
	return false
}

// merged gives what a merge key brings in: of several mappings, earlier ones
// win.
func (d *document) merged(node ast.Node, depth int) []section {
	resolved := d.resolve(node)
	list, isList := resolved.(*ast.SequenceNode)
	if !isList {
		entries, _ := d.entriesWithin(resolved, depth)
		return entries
	}
	var merged []section
	for _, v := range slices.Backward(list.Values) {
		entries, _ := d.entriesWithin(v, depth)
		for _, entry := range entries {
			put(&merged, entry)
		}
	}
	return merged
}

// pairs gives the pairs of a mapping as they stand; none for anything else.
func (d *document) pairs(node ast.Node) []*ast.MappingValueNode {
	switch mapping := d.resolve(node).(type) {
	case *ast.MappingNode:
		return mapping.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{mapping}
	}
	return nil
}

func keyName(key ast.Node) string {
	if explicit, found := key.(*ast.MappingKeyNode); found {
		key = explicit.Value
	}
	if tag, found := key.(*ast.TagNode); found {
		key = tag.Value
	}
	if key == nil || key.GetToken() == nil {
		return ""
	}
	return key.GetToken().Value
}

func (s section) resolved() ast.Node { return s.document.resolve(s.value) }

func (s section) isNull() bool {
	node := s.resolved()
	return node != nil && node.Type() == ast.NullType
}

func (s section) isMapping() bool {
	node := s.resolved()
	return node != nil && (node.Type() == ast.MappingType || node.Type() == ast.MappingValueType)
}

func (s section) isList() bool {
	node := s.resolved()
	return node != nil && node.Type() == ast.SequenceType
}

// plain gives a scalar as nil, string, bool, int64, uint64 or float64, and
// unclear for everything else.
func (s section) plain() any { return plain(s.resolved()) }

func plain(node ast.Node) any {
	switch scalar := node.(type) {
	case *ast.NullNode:
		return nil
	case *ast.StringNode:
		return scalar.Value
	case *ast.LiteralNode:
		return scalar.Value.Value
	case *ast.BoolNode:
		return scalar.Value
	case *ast.IntegerNode:
		return plainInteger(scalar)
	case *ast.TagNode:
		return taggedText(scalar)
	}
	return unclear{}
}

// plainInteger gives an integer whose text is the same in every reading: 0123
// is 83 or 123, and 1_000 may be text.
func plainInteger(node *ast.IntegerNode) any {
	text := strings.TrimSpace(node.GetToken().Value)
	if number, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(number, 10) == text {
		return number
	}
	if number, err := strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(number, 10) == text {
		return number
	}
	return unclear{}
}

// taggedText is a value that !!str makes text, whatever it looks like.
func taggedText(tag *ast.TagNode) any {
	switch scalar := tag.Value.(type) {
	case *ast.StringNode:
		return scalar.Value
	case *ast.LiteralNode:
		return scalar.Value.Value
	case ast.ScalarNode:
		return scalar.GetToken().Value
	}
	return unclear{}
}

// elements gives the elements of a list.
func (s section) elements() []section {
	list, isList := s.resolved().(*ast.SequenceNode)
	if !isList {
		return nil
	}
	elements := make([]section, len(list.Values))
	for i, value := range list.Values {
		elements[i] = section{document: s.document, name: s.name, position: s.document.position(value), value: value}
	}
	return elements
}
