package significance

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Rule says which differences are significant. The zero Rule is deep equality, as Equal has it.
//
// An attribute is named by its path: the names of the members that lead to it, with dots between them, such as "battery"
// or "link.quality". A dot that belongs to a name has a backslash before it (`wifi\.rssi`), and so has a backslash. What holds
// for a path holds for all below it, the elements of an array included, unless a longer path says otherwise.
type Rule struct {
	// Absolute and Relative are the tolerance of every number in the state, unless State has another one. Attributes have
	// none of their own accord: what is small for a temperature may be all the difference for a number of a channel.
	Absolute, Relative float64
	// State has tolerances of single values of a state that is an object, by their path. They replace Absolute and Relative.
	State map[string]Tolerance
	// Attributes has the tolerances of single attributes, by their path.
	Attributes map[string]Tolerance
	// Ignore lists the paths of attributes that are never significant: whether their values differ, they are new or gone.
	Ignore []string
}

// Tolerance is how far apart two numbers may be to count as equal. One of both is enough. It is reckoned exactly, not in
// floating point: 21.2 and 21.3 are not more than 0.1 apart. Numbers that a float64 cannot reach, of more than
// 400 digits before the point or zeros behind it, are equal only to themselves.
type Tolerance struct {
	// Absolute is the greatest difference, in the unit of the numbers.
	Absolute float64
	// Relative is the greatest difference as a part of the number that is farther from zero: 0.05 is five percent. It has to be less than 1.
	Relative float64
}

// RuleError says what is wrong with a Rule.
type RuleError struct {
	// Field is the field of Rule, with the path where there is one.
	Field   string
	Problem string
	Allowed string
}

// Error names the field, what is wrong and what is allowed.
func (e *RuleError) Error() string {
	return "rule of significance: " + e.Field + ": " + e.Problem + "; allowed: " + e.Allowed
}

// Check reports the first thing that is wrong with the Rule, as a *RuleError.
func (r Rule) Check() error {
	if err := r.tolerance().check(""); err != nil {
		return err
	}
	if err := checkTolerances("State", r.State); err != nil {
		return err
	}
	if err := checkTolerances("Attributes", r.Attributes); err != nil {
		return err
	}
	return r.checkIgnored()
}

func checkTolerances(field string, tolerances map[string]Tolerance) error {
	if len(tolerances) == 0 { // nearly always
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(tolerances)) {
		where := fmt.Sprintf("%s[%q]", field, path)
		if err := checkPath(where, path); err != nil {
			return err
		}
		if err := tolerances[path].check(where + "."); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) checkIgnored() error {
	for i, path := range r.Ignore {
		where := fmt.Sprintf("Ignore[%d]", i)
		if err := checkPath(where, path); err != nil {
			return err
		}
		if _, both := r.Attributes[path]; both {
			return &RuleError{Field: where, Problem: fmt.Sprintf("%q has a tolerance as well", path), Allowed: "one of both"}
		}
	}
	return nil
}

func (t Tolerance) check(where string) error {
	if !(t.Absolute >= 0) || math.IsInf(t.Absolute, 0) {
		return &RuleError{Field: where + "Absolute", Problem: "is not a difference", Allowed: "0 and more, in the unit of the number"}
	}
	if !(t.Relative >= 0) || t.Relative >= 1 {
		return &RuleError{Field: where + "Relative", Problem: "is not a part of a number", Allowed: "0 and more, less than 1; 0.05 is five percent"}
	}
	return nil
}

// checkPath refuses a path that could name nothing, or only a member without a name.
func checkPath(where, path string) error {
	names, correct := splitPath(path)
	if !correct {
		return &RuleError{Field: where, Problem: "a backslash is neither before a dot nor before a backslash", Allowed: `names with dots between them, such as link.quality; \. is a dot in a name`}
	}
	if slices.Contains(names, "") {
		return &RuleError{Field: where, Problem: "a name is empty", Allowed: `names with dots between them, such as link.quality; \. is a dot in a name`}
	}
	return nil
}

func splitPath(path string) (names []string, correct bool) {
	var name strings.Builder
	for i := 0; i < len(path); i++ {
		switch character := path[i]; character {
		case '.':
			names = append(names, name.String())
			name.Reset()
		case '\\':
			i++
			if i == len(path) || path[i] != '.' && path[i] != '\\' {
				return nil, false
			}
			name.WriteByte(path[i])
		default:
			name.WriteByte(character)
		}
	}
	return append(names, name.String()), true
}

// newPath is the path of a whole document.
func newPath() []byte { return make([]byte, 0, 64) }

// appendName lengthens a path by a name, written as splitPath reads it behind one dot more: without that, what is below a
// member without a name would have the path of what is beside it.
func appendName(path, name []byte) []byte {
	path = append(path, '.')
	for _, character := range name {
		if character == '.' || character == '\\' {
			path = append(path, '\\')
		}
		path = append(path, character)
	}
	return path
}

func (r Rule) tolerance() Tolerance { return Tolerance{Absolute: r.Absolute, Relative: r.Relative} }
