package dbtest

import (
	"context"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

// s3Server is the service that all tests of a binary share.
type s3Server struct {
	once   sync.Once
	server *server.S3
	err    error
}

// sharedS3 is a variable of the package for the same reason as sharedServer.
var sharedS3 s3Server

// S3 returns the S3 service that all tests of this binary share. The first call starts it, Main stops it. Tests that restart or crash a service start one of their own.
func S3(t testing.TB) *server.S3 {
	t.Helper()
	needMain(t)
	sharedS3.once.Do(func() {
		// Not a test's context: the service outlives the test that happens to be first.
		sharedS3.server, sharedS3.err = server.StartS3(context.Background(), server.S3Options{})
	})
	if sharedS3.err != nil {
		t.Fatal(sharedS3.err)
	}
	return sharedS3.server
}

// stop stops the service if a test has started it.
func (s *s3Server) stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// NewBucket makes a bucket on the shared service. It is removed with the service.
func NewBucket(t testing.TB) string {
	t.Helper()
	name, err := S3(t).NewBucket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return name
}
