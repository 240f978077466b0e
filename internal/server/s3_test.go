package server_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/synapsedb/synapse/internal/server"
)

// startS3 starts a private service for one test.
func startS3(t *testing.T) *server.S3 {
	t.Helper()
	private, err := server.StartS3(t.Context(), server.S3Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
	})
	return private
}

// bucketExists asks a service with a secret.
func bucketExists(t *testing.T, private *server.S3, name, secret string) (bool, error) {
	t.Helper()
	client, err := minio.New(strings.TrimPrefix(private.Endpoint(), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(private.AccessKey(), secret, ""), Region: server.S3Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.BucketExists(t.Context(), name)
}

func TestPrivateS3(t *testing.T) {
	t.Parallel()
	private := startS3(t)
	host, _, err := net.SplitHostPort(strings.TrimPrefix(private.Endpoint(), "http://"))
	if err != nil || host != "127.0.0.1" {
		t.Errorf("it listens on %s, %v", host, err)
	}
	name, err := private.NewBucket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for end, stop := range map[string]func() error{"while it runs": func() error { return nil }, "after a crash": private.Kill} {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		endpoint := private.Endpoint()
		if err := private.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if there, err := bucketExists(t, private, name, private.SecretKey()); !there || private.Endpoint() != endpoint {
			t.Errorf("restarted %s, at %s instead of %s, it has the bucket: %v, %v", end, private.Endpoint(), endpoint, there, err)
		}
	}
	if _, err := bucketExists(t, private, name, "another secret"); err == nil {
		t.Error("it lets in whoever knows no secret")
	}
}

func TestStoppedS3LeavesNothing(t *testing.T) {
	t.Parallel()
	private := startS3(t)
	stopsWithoutTrace(t, private, filepath.Dir(private.Folder()))
}

func TestProgramKilledWithS3LeavesNothing(t *testing.T) {
	t.Parallel()
	killedWithoutTrace(t, s3Child)
}

func TestS3ThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	script := filepath.Join(openFolder(t), "versitygw")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho nothing works here\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := server.StartS3(t.Context(), server.S3Options{Program: script})
	if failure, ok := errors.AsType[*server.StartError](err); !ok || !strings.Contains(failure.Log, "nothing works here") {
		t.Errorf("got %v, want a StartError with the program's own words", err)
	}
}

func TestMissingS3IsNamedWithARemedy(t *testing.T) {
	for name, set := range map[string]func(){
		"named in vain": func() { t.Setenv(server.S3ProgramVariable, "/nowhere/versitygw") },
		"not to be had": func() {
			t.Setenv(server.S3ProgramVariable, "")
			t.Setenv("GOPROXY", "off")
			t.Setenv("GOMODCACHE", t.TempDir())
		},
	} {
		set()
		_, err := server.StartS3(t.Context(), server.S3Options{})
		if _, ok := errors.AsType[*server.NotInstalledError](err); !ok || !strings.Contains(err.Error(), server.S3ProgramVariable) {
			t.Errorf("%s: %v, want a NotInstalledError with the remedy", name, err)
		}
	}
}
