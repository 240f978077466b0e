package significance

import (
	"bytes"
	"math/big"
	"slices"
	"strconv"
)

// Document is what an entity reports, as JSON.
type Document struct{ State, Attributes []byte }

// Significant reports whether after differs from before in more than the Rule overlooks. To notice a value that drifts in
// small steps, before has to be the last significant one, and not the last one. The Rule is taken to be correct, see Check.
//
// What is not JSON is a *DocumentError, unless both are the same bytes.
func (r Rule) Significant(before, after Document) (bool, error) {
	state := walk{tolerances: r.State}
	alike, err := compare(before.State, after.State, "state before", "state after", func(a, b value) bool {
		return state.alike(a, b, newPath(), r.tolerance())
	})
	if err != nil || !alike {
		return err == nil, err
	}
	attributes := walk{tolerances: r.Attributes, ignore: r.Ignore}
	alike, err = compare(before.Attributes, after.Attributes, "attributes before", "attributes after", func(a, b value) bool {
		return attributes.alike(a, b, newPath(), Tolerance{})
	})
	return err == nil && !alike, err
}

// walk compares two documents by a part of a Rule.
type walk struct {
	tolerances map[string]Tolerance
	ignore     []string
}

// alike compares what stands at a path, where a tolerance holds unless a longer path has another one.
func (w walk) alike(a, b value, path []byte, tolerance Tolerance) bool {
	if w.tolerances == nil && w.ignore == nil && tolerance == (Tolerance{}) {
		return same(a, b)
	}
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case 0:
		return tolerance.alike(a.text, b.text)
	case '[':
		return w.arraysAlike(a, b, path, tolerance)
	case '{':
		return w.objectsAlike(a, b, path, tolerance)
	}
	return same(a, b)
}

func (w walk) arraysAlike(a, b value, path []byte, tolerance Tolerance) bool {
	if len(a.members) != len(b.members) {
		return false
	}
	for i := range a.members {
		if !w.alike(a.member(i), b.member(i), path, tolerance) {
			return false
		}
	}
	return true
}

// objectsAlike goes through the members of both objects by name.
func (w walk) objectsAlike(a, b value, path []byte, tolerance Tolerance) bool {
	for i, j := 0, 0; i < len(a.members) || j < len(b.members); {
		var one, other value
		switch order := compareNames(a, i, b, j); {
		case order < 0:
			one = a.member(i)
			i++
		case order > 0:
			other = b.member(j)
			j++
		default:
			one, other = a.member(i), b.member(j)
			i, j = i+1, j+1
		}
		if !w.membersAlike(one, other, path, tolerance) {
			return false
		}
	}
	return true
}

// compareNames tells which object has the name that comes first; 0 when both have it.
func compareNames(a value, i int, b value, j int) int {
	switch {
	case j == len(b.members):
		return -1
	case i == len(a.members):
		return 1
	}
	return bytes.Compare(a.member(i).name, b.member(j).name)
}

// membersAlike compares two members with the same name, one of which may be missing.
func (w walk) membersAlike(one, other value, path []byte, tolerance Tolerance) bool {
	named := one
	if named.node == nil {
		named = other
	}
	path = appendName(path, named.name)
	if slices.Contains(w.ignore, string(path[1:])) {
		return true
	}
	return one.node != nil && other.node != nil && w.alike(one, other, path, w.at(path, tolerance))
}

func (w walk) at(path []byte, inherited Tolerance) Tolerance {
	if own, found := w.tolerances[string(path[1:])]; found {
		return own
	}
	return inherited
}

// alike compares two numbers.
func (t Tolerance) alike(a, b []byte) bool {
	if sameNumber(a, b) {
		return true
	}
	if t == (Tolerance{}) {
		return false
	}
	one, reckonable := parseDecimal(a).rational()
	other, also := parseDecimal(b).rational()
	if !reckonable || !also {
		return false
	}
	difference := new(big.Rat).Sub(one, other)
	difference.Abs(difference)
	greater := one.Abs(one)
	if other.Abs(other); other.Cmp(greater) > 0 {
		greater = other
	}
	return difference.Cmp(exact(t.Absolute)) <= 0 || difference.Cmp(greater.Mul(greater, exact(t.Relative))) <= 0
}

// exact is the number that a program meant: 0.1, and not the float64 nearest to it.
func exact(number float64) *big.Rat {
	meant, _ := new(big.Rat).SetString(strconv.FormatFloat(number, 'g', -1, 64))
	return meant
}
