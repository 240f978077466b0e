package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"syscall"

	"github.com/minio/minio-go/v7"
)

// S3Error says what came of a request to an S3 service. By errors.Is it is also fs.ErrNotExist, fs.ErrExist, fs.ErrPermission or syscall.ENOSPC. A bucket
// that is missing is none of them, so that nobody takes it for an empty one.
type S3Error struct {
	// Operation is what was done: store, read, list, remove, lock.
	Operation string
	// Store is the bucket and the prefix, Name that of the file or the beginning of names; it may be empty.
	Store, Name string
	// Code is the service's word for what is wrong, such as NoSuchBucket; empty when it has sent no answer.
	Code string
	// Hint says what to do, where that is known.
	Hint string
	// Err is what went wrong.
	Err error

	kind error
}

// Error says where, what and why, and what to do.
func (e *S3Error) Error() string {
	text := e.Operation
	if e.Name != "" {
		text += " " + e.Name + " in"
	}
	text += " " + e.Store + ": "
	if e.Code != "" {
		text += e.Code + ": "
	}
	text += e.Err.Error()
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns what went wrong, and the kind of it.
func (e *S3Error) Unwrap() []error {
	if e.kind == nil {
		return []error{e.Err}
	}
	return []error{e.kind, e.Err}
}

// OrderError says that a service lists keys in another order than S3's, by which nothing can be found or compared.
type OrderError struct {
	// Store is where that is.
	Store string
	// Key came behind After.
	Key, After string
}

// Error names the keys.
func (e *OrderError) Error() string {
	return fmt.Sprintf("%s lists its keys in no order (%s behind %s); use another service or kind of bucket", e.Store, e.Key, e.After)
}

// failure tells what came of an operation; nil and io.EOF stay what they are.
func (b *bucket) failure(operation, name string, err error) error {
	if err == nil {
		return nil
	}
	failure := &S3Error{Operation: operation, Store: b.String(), Name: name, Err: err}
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		failure.Code, failure.Hint, failure.kind = answer.Code, hint(answer), kind(operation, answer)
	} else if passes(err) {
		failure.Hint = "is the service running, and the endpoint the right one?"
	}
	return failure
}

// kind is the error that callers know.
func kind(operation string, answer minio.ErrorResponse) error {
	switch {
	case isFull(answer):
		return syscall.ENOSPC
	case answer.Code == minio.NoSuchKey:
		return fs.ErrNotExist
	case answer.Code == "PreconditionFailed" && operation == "store":
		return fs.ErrExist
	case answer.Code == minio.NotImplemented:
		return errors.ErrUnsupported
	case slices.Contains(unknownKeys, answer.Code), answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return fs.ErrPermission
	}
	return nil
}

// isConflict reports that the condition of a request was not met.
func isConflict(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && answer.StatusCode == http.StatusPreconditionFailed
}

// isMissing reports that there is no such object.
func isMissing(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && answer.Code == minio.NoSuchKey
}

// isFull reports that there is no more room. AWS never runs out of it; these are the words of others.
func isFull(answer minio.ErrorResponse) bool {
	codes := []string{"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "StorageFull"}
	return slices.Contains(codes, answer.Code) || answer.StatusCode == http.StatusInsufficientStorage
}

// unknownKeys are the answers to keys of access that are not the service's; the last one is of versitygw.
var unknownKeys = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "XAdminUserNotFound"}

const conditionsHint = "backups need a service that knows conditional writes (If-None-Match, If-Match)"

// hint says what to do about an answer.
func hint(answer minio.ErrorResponse) string {
	if slices.Contains(unknownKeys, answer.Code) {
		return "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or those in ~/.aws/credentials, the right ones for this service?"
	}
	switch answer.Code {
	case "NoSuchBucket":
		return "make the bucket " + answer.BucketName + ", or name another one"
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return "the keys of access have run out: get new ones, with their AWS_SESSION_TOKEN"
	case "AccessDenied":
		return "these keys of access need the rights s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return "set AWS_REGION to the bucket's region" + regionIn(answer)
	case minio.NotImplemented:
		return conditionsHint
	case "RequestTimeTooSkewed":
		return "set this machine's clock"
	}
	if isFull(answer) {
		return "make room there, or have old backups pruned"
	}
	return ""
}

func regionIn(answer minio.ErrorResponse) string {
	if answer.Region == "" {
		return ""
	}
	return ", " + answer.Region
}
