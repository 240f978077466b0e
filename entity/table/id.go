package table

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxID is how many characters an id may have, MySQL's limit for what stands in a key of several columns.
const maxID = 255

// IDError says why a text cannot be the id of an entity or an application.
type IDError struct {
	ID      string
	Problem string
}

// Error shows the id, or its beginning, and what to do.
func (e *IDError) Error() string {
	shown := []rune(e.ID)
	const enough = 40
	if len(shown) > enough {
		shown = append(shown[:enough], '…')
	}
	return fmt.Sprintf("the id %q %s; ids have 1 to %d characters, all valid UTF-8, no NUL among them and no space at the end", string(shown), e.Problem, maxID)
}

// CheckID refuses, by an *IDError, what some engine could not keep exactly as an id: MySQL takes texts that differ in spaces at their end for
// equal, PostgreSQL has no NUL. Case, and different ways to write a letter, make different ids.
func CheckID(id string) error {
	var problem string
	switch {
	case id == "":
		problem = "is empty"
	case !utf8.ValidString(id):
		problem = "is not valid UTF-8"
	case strings.IndexByte(id, 0) >= 0:
		problem = "has a NUL in it"
	case strings.HasSuffix(id, " "):
		problem = "ends in a space"
	case len(id) > maxID && utf8.RuneCountInString(id) > maxID:
		problem = fmt.Sprintf("has %d characters", utf8.RuneCountInString(id))
	default:
		return nil
	}
	return &IDError{ID: id, Problem: problem}
}
