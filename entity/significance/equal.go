package significance

import "bytes"

// Equal reports whether two JSON documents say the same. The order of keys, white space and the way in which strings and
// numbers are written do not matter: 1, 1.0, 1e0 and 10e-1 are equal, and so are 0 and -0. Numbers are compared exactly,
// however long they are. As encoding/json has it, the last one of several members with the same name counts, and what is not
// a character in a string is U+FFFD.
//
// A document that is not JSON is a *DocumentError, unless both are the same bytes, which are not looked at any closer.
func Equal(a, b []byte) (bool, error) {
	return compare(a, b, "first", "second", same)
}

// compare reads both documents, if need be, and has judge look at them.
func compare(a, b []byte, nameOfA, nameOfB string, judge func(a, b value) bool) (bool, error) {
	if bytes.Equal(a, b) {
		return true, nil
	}
	one, err := parse(a)
	if err != nil {
		return false, &DocumentError{Document: nameOfA, Err: err}
	}
	defer one.release()
	other, err := parse(b)
	if err != nil {
		return false, &DocumentError{Document: nameOfB, Err: err}
	}
	defer other.release()
	return judge(one.root(), other.root()), nil
}

// same is deep equality.
func same(a, b value) bool {
	if a.kind != b.kind || len(a.members) != len(b.members) {
		return false
	}
	if a.kind == 0 {
		return sameNumber(a.text, b.text)
	}
	if !bytes.Equal(a.text, b.text) {
		return false
	}
	for i := range a.members {
		one, other := a.member(i), b.member(i)
		if !bytes.Equal(one.name, other.name) || !same(one, other) {
			return false
		}
	}
	return true
}
