package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"
)

// most is how long the body of a request may be, in bytes.
const most = 1 << 20

// object is the body of a request.
type object struct {
	text   json.RawMessage
	fields map[string]json.RawMessage
}

func readObject(w http.ResponseWriter, request *http.Request) (*object, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, request.Body, most))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &refusal{http.StatusRequestEntityTooLarge, codeTooLarge, "the body is longer than 1 MiB"}
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, codeNotJSON, "the body could not be read to its end"}
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, &refusal{http.StatusBadRequest, codeNotJSON, "the body is not JSON"}
	}
	read := &object{text: text}
	if err := json.Unmarshal(text, &read.fields); err != nil || read.fields == nil {
		return nil, &refusal{http.StatusBadRequest, codeBadJSON, "the body has to be a JSON object"}
	}
	return read, nil
}

// read takes a field, if it is there; null is a value like others, and of the wrong kind.
func (o *object) read(name, problem string, into any) error {
	value, present := o.fields[name]
	if !present {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil || string(value) == "null" {
		return &ParameterError{Name: name, Problem: problem}
	}
	return nil
}
