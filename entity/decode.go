package entity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/synapsedb/synapse/entity/table"
)

// decodePart decodes what was stored. The error shows nothing of it.
func decodePart[T any](id, part string, raw json.RawMessage) (value T, err error) {
	if err := json.Unmarshal(raw, &value); err != nil {
		return value, &ValueError{ID: id, Part: part, Err: &unusable{err}}
	}
	return value, nil
}

// decodeGiven decodes what somebody wants to have stored, and so refuses what would not come back.
func decodeGiven[T any](id, part string, raw json.RawMessage) (value T, err error) {
	value, err = decodePart[T](id, part, raw)
	switch {
	case err != nil:
		return value, err
	case !utf8.Valid(raw):
		err = errNoText
	case neverSet(raw, value):
		err = fmt.Errorf("it is null, which a %T cannot be", value)
	default:
		return value, nil
	}
	return value, &ValueError{ID: id, Part: part, Err: err}
}

var errNoText = errors.New("it is not valid UTF-8")

// neverSet reports whether null is stored of a type that has no null: no program has set that. The value is what null decodes into.
func neverSet[T any](raw json.RawMessage, value T) bool {
	return isNull(raw) && !hasNull(value)
}

func isNull(raw json.RawMessage) bool {
	const null, spaces = "null", 16
	return len(raw) < len(null)+spaces && string(bytes.TrimSpace(raw)) == null
}

// hasNull reports whether null stays null in a type: when it is decoded, which has given the value, and encoded again.
func hasNull[T any](decoded T) bool {
	again, err := json.Marshal(decoded)
	return err != nil || isNull(again)
}

// unusable is why something does not decode, in words that do not show it: they go to logs, and those are read by others
// than the database is.
type unusable struct{ err error }

func (u *unusable) Error() string {
	if text, known := withoutValue(u.err); known {
		return text
	}
	return fmt.Sprintf("its type does not take it (%T)", u.err)
}

func (u *unusable) Unwrap() error { return u.err }

// withoutValue puts those errors into words whose own ones show the value that they are about. A character of it may be shown.
func withoutValue(err error) (text string, known bool) {
	if syntax, is := errors.AsType[*json.SyntaxError](err); is {
		return syntax.Error(), true
	}
	if mismatch, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		kind, _, _ := strings.Cut(mismatch.Value, " ") // behind it are the digits of a number
		text = fmt.Sprintf("a JSON %s does not fit into a Go %v", kind, mismatch.Type)
		if mismatch.Field != "" {
			text += " (" + mismatch.Field + ")"
		}
		return text, true
	}
	if _, is := errors.AsType[*time.ParseError](err); is {
		return "it is no time", true
	}
	return "", false
}

// makeStorable has a row hold what every engine can keep. SQLite alone may have something else in a text, as a fault of the disk leaves it; such a
// row could not be written again, and so not even be set aside.
func makeStorable(row *table.Row) {
	row.State, row.Attributes, row.Locals = storable(row.State), storable(row.Attributes), storable(row.Locals)
}

func storable(text []byte) []byte {
	if utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 {
		return text
	}
	const replacement = "\uFFFD"
	return bytes.ReplaceAll(bytes.ToValidUTF8(text, []byte(replacement)), []byte{0}, []byte(replacement))
}
