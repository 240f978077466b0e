package engine

import "strings"

// ProblemID names a kind of problem.
type ProblemID string

// Problem is one reason why a server or a database must not be used.
type Problem struct {
	ID ProblemID `json:"id"`
	// What says what is wrong, Hint what to do.
	What string `json:"what"`
	Hint string `json:"hint"`
}

// Problems are all the reasons why a database must not be used.
type Problems []Problem

// Error lists the problems; a hint that several share is given once.
func (p Problems) Error() string {
	var parts []string
	for i, problem := range p {
		text := problem.What
		if i+1 == len(p) || p[i+1].Hint != problem.Hint {
			text += "; " + problem.Hint
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n")
}

// RefusedError lists what hinders work that was not begun.
type RefusedError struct{ Problems []Problem }

// Error lists the problems.
func (e *RefusedError) Error() string {
	text := Problems(e.Problems).Error()
	if len(e.Problems) == 1 {
		return text
	}
	return "these things hinder:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// Refuse gives the *RefusedError of one problem.
func Refuse(id ProblemID, what, hint string) error {
	return &RefusedError{Problems: []Problem{{ID: id, What: what, Hint: hint}}}
}
