package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// The codes of errors, which are Matrix's.
const (
	codeUnknown      = "M_UNKNOWN"
	codeUnrecognized = "M_UNRECOGNIZED"
	codeForbidden    = "M_FORBIDDEN"
	codeMissingToken = "M_MISSING_TOKEN"
	codeUnknownToken = "M_UNKNOWN_TOKEN"
	codeMissingParam = "M_MISSING_PARAM"
	codeInvalidParam = "M_INVALID_PARAM"
	codeNotJSON      = "M_NOT_JSON"
	codeBadJSON      = "M_BAD_JSON"
	codeTooLarge     = "M_TOO_LARGE"
)

// UnknownJobError says that there is no such job.
type UnknownJobError struct{ Job string }

// Error names it.
func (e *UnknownJobError) Error() string { return fmt.Sprintf("there is no job %q", e.Job) }

// ParameterError says that a job needs a parameter which is missing or wrong.
type ParameterError struct {
	Name string
	// Problem is what is wrong with it, without its value; empty when it is missing.
	Problem string
}

// Error names it and the problem.
func (e *ParameterError) Error() string {
	if e.Problem == "" {
		return e.Name + " is missing"
	}
	return e.Name + ": " + e.Problem
}

// QueuedError says that a job was asked for before and is not done. Nothing was enqueued.
type QueuedError struct {
	Job     string
	Pending string // an update of it; may be empty
}

// Error names both.
func (e *QueuedError) Error() string {
	text := fmt.Sprintf("the job %s is queued already", e.Job)
	if e.Pending != "" {
		text += ": its background update " + e.Pending + " is pending"
	}
	return text
}

// refusal is an answer that says what is wrong with a request.
type refusal struct {
	status int
	Code   string `json:"errcode"`
	Text   string `json:"error"`
}

// Error is what is wrong.
func (r *refusal) Error() string { return r.Text }

// refusalOf is the answer to an error of StartJob; nil if the error is not the caller's.
func refusalOf(err error) *refusal {
	if unknown, is := errors.AsType[*UnknownJobError](err); is {
		return &refusal{http.StatusBadRequest, codeUnknown, unknown.Error()}
	}
	if queued, is := errors.AsType[*QueuedError](err); is {
		return &refusal{http.StatusBadRequest, codeUnknown, queued.Error()}
	}
	if parameter, is := errors.AsType[*ParameterError](err); is {
		code := codeInvalidParam
		if parameter.Problem == "" {
			code = codeMissingParam
		}
		return &refusal{http.StatusBadRequest, code, parameter.Error()}
	}
	refused, _ := errors.AsType[*refusal](err)
	return refused
}

// write sends it.
func (r *refusal) write(w http.ResponseWriter) { writeJSON(w, r.status, r) }

// writeJSON sends a value that JSON can express. Who does not wait for the answer does not get it.
func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"errcode":"M_UNKNOWN","error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
