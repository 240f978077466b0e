package engine

import (
	"fmt"
	"regexp"
	"strings"
)

// SettingError is an error about one key of a connection's settings. None of
// them holds or prints a value: any value may be a misplaced password.
type SettingError interface {
	error
	// SettingKey is the key the error is about.
	SettingKey() string
}

// UnknownKeyError reports a key that has no meaning for the engine.
type UnknownKeyError struct {
	Key string
	// Origin says where the key stood when that was not the arguments
	// themselves, such as "service file /etc/pg_service.conf".
	Origin string
	// Suggestion is the known key that was probably meant, or empty.
	Suggestion string
}

// Error names the key and the one that was probably meant.
func (e *UnknownKeyError) Error() string {
	text := "unknown key " + PrintableKey(e.Key) + inOrigin(e.Origin)
	if e.Suggestion != "" {
		text += fmt.Sprintf("; did you mean %s?", e.Suggestion)
	}
	return text
}

// SettingKey is the unknown key.
func (e *UnknownKeyError) SettingKey() string { return e.Key }

// ValueError reports a value that a key cannot take.
type ValueError struct {
	Key    string
	Origin string
	// Problem says what is wrong with the value, without the value.
	Problem string
	// Allowed says what the key takes.
	Allowed string
}

// Error names the key, what is wrong and what is allowed.
func (e *ValueError) Error() string {
	text := e.Key + inOrigin(e.Origin) + ": " + e.Problem
	if e.Allowed != "" {
		text += "; allowed: " + e.Allowed
	}
	return text
}

// SettingKey is the key whose value is wrong.
func (e *ValueError) SettingKey() string { return e.Key }

// ConflictError reports keys that contradict each other.
type ConflictError struct {
	// Keys are the contradicting keys; the first one is the one to look at.
	Keys []string
	// Problem says how they contradict each other.
	Problem string
	// Hint says what to do.
	Hint string
}

// Error names the keys, the contradiction and the way out of it.
func (e *ConflictError) Error() string {
	text := strings.Join(e.Keys, " and ") + ": " + e.Problem
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// SettingKey is the first of the contradicting keys.
func (e *ConflictError) SettingKey() string { return e.Keys[0] }

func inOrigin(origin string) string {
	if origin == "" {
		return ""
	}
	return " (" + origin + ")"
}

// PrintableKey keeps text that cannot be a key's name out of messages: a
// forgotten space ("password:secret") turns a password into a key.
func PrintableKey(key string) string {
	if regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,40}$`).MatchString(key) {
		return key
	}
	return "(its text is no key's name and is not shown)"
}

// Nearest gives the candidate that differs least from word, or an empty string
// when none is near enough to be worth suggesting.
func Nearest(word string, candidates []string) string {
	best, distance := "", len(word)/3+1
	for _, candidate := range candidates {
		if d := editDistance(strings.ToLower(word), candidate); d <= distance && d < len(candidate) {
			if best == "" || d < distance {
				best, distance = candidate, d
			}
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace or swap with
// their neighbour to turn a into b.
func editDistance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
