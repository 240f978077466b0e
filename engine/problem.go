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
