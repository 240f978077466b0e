package store_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/backup/store"
)

// formatted writes a value in every way in which a log or an error may.
func formatted(value any) []string {
	var plain, asJSON bytes.Buffer
	slog.New(slog.NewTextHandler(&plain, nil)).Info("x", "value", value)
	slog.New(slog.NewJSONHandler(&asJSON, nil)).Info("x", "value", value)
	return []string{fmt.Sprintf("%v", value), fmt.Sprintf("%+v", value), fmt.Sprintf("%#v", value), plain.String(), asJSON.String()}
}

// answering is a service that gives the same answer to every request but lists.
func answering(t *testing.T, status int, code string) place {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>some words</Message></Error>", code)
	})
}

// serving is a service whose bucket can be listed and is empty.
func serving(t *testing.T, answer http.HandlerFunc) place {
	t.Helper()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("list-type") {
			fmt.Fprint(w, "<ListBucketResult></ListBucketResult>")
			return
		}
		defer func() { _, _ = io.Copy(io.Discard, r.Body) }() // cut by the client, at worst
		answer(w, r)
	}))
	t.Cleanup(service.Close)
	return place{Bucket: "some-bucket", Endpoint: service.URL, AccessKey: "x", SecretKey: "y", Patience: time.Millisecond}
}

// What other services answer, of which none is here.
func TestAnswersOfServices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		code   string
		kind   error
		want   string
	}{
		{http.StatusForbidden, "AccessDenied", fs.ErrPermission, "s3:PutObject"},
		{http.StatusForbidden, "QuotaExceeded", syscall.ENOSPC, "make room"},
		{http.StatusInsufficientStorage, "XMinioStorageFull", syscall.ENOSPC, "make room"},
		{http.StatusBadRequest, "ExpiredToken", nil, "AWS_SESSION_TOKEN"},
		{http.StatusForbidden, "RequestTimeTooSkewed", fs.ErrPermission, "clock"},
		{http.StatusNotImplemented, "NotImplemented", errors.ErrUnsupported, "conditional writes"},
		{http.StatusPreconditionFailed, "PreconditionFailed", fs.ErrExist, ""},
		{http.StatusServiceUnavailable, "SlowDown", nil, ""},
		{http.StatusConflict, "ConditionalRequestConflict", nil, ""},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			err := answering(t, test.status, test.code).mustOpen(t).Put(t.Context(), "packs/x", []byte("x"))
			if _, ok := errors.AsType[*store.S3Error](err); !ok {
				t.Fatalf("%v, want an S3Error", err)
			}
			for _, want := range []string{"store packs/x in s3://some-bucket: " + test.code + ": ", test.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v lacks %q", err, want)
				}
			}
			for _, kind := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, syscall.ENOSPC, errors.ErrUnsupported} {
				if errors.Is(err, kind) != errors.Is(test.kind, kind) {
					t.Errorf("%v: is it %v?", err, kind)
				}
			}
		})
	}
}

// oneObject is a service with a single object.
type oneObject struct {
	// ignored is a header with a condition of which it takes no notice.
	ignored string
	// etag makes the tag of a content.
	etag func(content []byte) string

	mutex sync.Mutex
	// content is nil when there is no object.
	content []byte
}

func (o *oneObject) answer(w http.ResponseWriter, r *http.Request) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch {
	case r.Method == http.MethodPut && o.forbidden(r):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		o.content, _ = io.ReadAll(r.Body) // the client that breaks off sees no answer
		w.Header().Set("ETag", o.etag(o.content))
	case o.content == nil:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
	default:
		w.Header().Set("ETag", o.etag(o.content))
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write(o.content) // to a client that may have gone
	}
}

// forbidden reports whether a condition is not met.
func (o *oneObject) forbidden(r *http.Request) bool {
	tag := r.Header.Get("If-Match")
	return o.ignored != "If-None-Match" && r.Header.Get("If-None-Match") == "*" && o.content != nil ||
		o.ignored != "If-Match" && tag != "" && (o.content == nil || tag != o.etag(o.content))
}

func sumOf(content []byte) string {
	sum := md5.Sum(content)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func TestServiceWithoutConditionsIsRefused(t *testing.T) {
	t.Parallel()
	for _, ignored := range []string{"If-Match", "If-None-Match"} {
		t.Run(ignored, func(t *testing.T) {
			t.Parallel()
			_, _, err := serving(t, (&oneObject{ignored: ignored, etag: sumOf}).answer).mustOpen(t).Lock(t.Context())
			refused, ok := errors.AsType[*store.ConditionsError](err)
			if !ok || refused.Header != ignored || !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v, want a ConditionsError about %s", err, ignored)
			}
		})
	}
}

// As where objects are encrypted with a key of the service's.
func TestLockWhereTagsAreNoSums(t *testing.T) {
	t.Parallel()
	opened := serving(t, (&oneObject{etag: func(content []byte) string { return `"not-` + sumOf(content)[1:] }}).answer).mustOpen(t)
	for range 2 {
		held, unlock, err := opened.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = opened.Lock(t.Context())
		if _, ok := errors.AsType[*store.LockedError](err); !ok {
			t.Errorf("%v, want a LockedError", err)
		}
		if err := errors.Join(context.Cause(held), unlock()); err != nil {
			t.Error(err)
		}
	}
}

func TestListInNoOrderIsRefused(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<ListBucketResult><Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents></ListBucketResult>")
	}))
	t.Cleanup(service.Close)
	opened := place{Bucket: "some-bucket", Endpoint: service.URL, AccessKey: "x", SecretKey: "y"}.mustOpen(t)
	var got error
	for _, got = range opened.List(t.Context(), "") {
	}
	if _, ok := errors.AsType[*store.OrderError](got); !ok {
		t.Errorf("%v, want an OrderError", got)
	}
}

func TestUnencryptedConnectionsAreTold(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]bool{"http://127.0.0.1:1": false, "http://localhost:1": false, "http://192.0.2.1:1": true, "https://192.0.2.1:1": false} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			var told bytes.Buffer
			options := place{Bucket: "some-bucket", Endpoint: endpoint, AccessKey: "x", SecretKey: "thesecret"}.options()
			options.Log = slog.New(slog.NewTextHandler(&told, nil))
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // nobody is there to be asked
			if _, err := store.OpenS3(ctx, options); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if got := strings.Contains(told.String(), "is not encrypted"); got != want || strings.Contains(told.String(), "thesecret") {
				t.Errorf("it was told %q", told.String())
			}
		})
	}
}
