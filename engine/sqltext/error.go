package sqltext

import "fmt"

// SyntaxError says where a text cannot be split, and why.
type SyntaxError struct {
	Line, Column int    // of what is wrong, such as the quote that is never closed; both count from 1, the column in characters
	Problem      string // in words
}

// Error says it in one line. The file's name is for the caller to add.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// fault is a problem at a byte of the text.
type fault struct {
	at      int
	problem string
}

// in returns the fault as an error with a line and a column.
func (f *fault) in(text string) *SyntaxError {
	place := newPlace(text)
	place.advance(f.at)
	return &SyntaxError{Line: place.line, Column: place.column, Problem: f.problem}
}
