package engine

import "strings"

// Error is an error for an operator: what was being done, to what, why it
// went wrong and what to do about it.
type Error struct {
	// Op is the operation in the imperative, such as "connect to".
	Op string
	// Object is what the operation was about: a table, a file, a server. It
	// never holds a secret.
	Object string
	// Err is the cause.
	Err error
	// Hint says what to do; it may be empty.
	Hint string
}

// Error gives the operation, the object, the cause and the hint in one line.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.Op)
	if e.Object != "" {
		text.WriteString(" " + e.Object)
	}
	if e.Err != nil {
		text.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		text.WriteString("; " + e.Hint)
	}
	return text.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
