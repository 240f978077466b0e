package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Region is the region of a private S3 service.
const S3Region = "us-east-1"

// S3Options describes a private S3 service. The zero value is one that S3Program finds.
type S3Options struct {
	// Program is the full path of versitygw. Empty: what S3Program returns.
	Program string
}

// S3 is a private S3 service: versitygw, which keeps objects as files. Its methods may be called from several goroutines.
type S3 struct {
	instance

	program              string // as the service's account can run it
	source               string
	accessKey, secretKey string
}

// StartS3 starts a service on a free port of 127.0.0.1, with keys of its own and no bucket. Run as root, it gets the account of the user postgres or nobody, the first that
// there is. The caller stops it with Stop; should this process die first, the service ends and its folder is removed all the same.
//
// Where versitygw is not there and cannot be built the error is a *NotInstalledError, and a *StartError with its log when it does not come up.
func StartS3(ctx context.Context, options S3Options) (*S3, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	program := options.Program
	if program == "" {
		var err error
		if program, err = S3Program(ctx); err != nil {
			return nil, err
		}
	}
	runAs, err := serverAccount(superuser, "nobody")
	if err != nil {
		return nil, err
	}
	private := &S3{source: program, accessKey: rand.Text(), secretKey: rand.Text()}
	private.instance = instance{product: private, home: home{account: runAs}, tcp: true, orderly: []os.Signal{signalShutdown}}
	if err := private.open(ctx, privateNames{prefix: "synapse-s3-"}); err != nil {
		return nil, err
	}
	return private, nil
}

// The folders of what objects contain, and of what else is known of them. Kept apart, that needs no extended attributes of the file system.
const (
	s3Objects    = "objects"
	s3Properties = "properties"
)

// fill makes the folders, and a copy of the program when the service's account cannot run it where it is, as in root's cache.
func (s *S3) fill(context.Context) error {
	for _, name := range []string{s3Objects, s3Properties} {
		path := filepath.Join(s.home.folder, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			return fmt.Errorf("make the service's folder: %w", err)
		}
		if err := s.home.account.own(path); err != nil {
			return err
		}
	}
	s.program = s.source
	if reachable(s.home.account, filepath.Dir(s.source)) {
		return nil
	}
	s.program = filepath.Join(s.home.folder, "versitygw")
	return copyProgram(s.program, s.source)
}

// copyProgram makes a copy that everybody can run.
func copyProgram(to, from string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy the service's program: %w", err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // it is to be run
	if err != nil {
		return fmt.Errorf("copy the service's program: %w", err)
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		return fmt.Errorf("copy the service's program: %w", err)
	}
	return nil
}

// configure does nothing: the whole configuration is in the arguments.
func (s *S3) configure() error { return nil }

// command runs the service. Its keys open nothing but this service's own throw-away objects, so that they may show in the list of processes.
func (s *S3) command() (program string, arguments []string) {
	return s.program, []string{
		"--access", s.accessKey, "--secret", s.secretKey, "--region", S3Region, "--port", s.address(), "--quiet",
		"posix", "--sidecar", filepath.Join(s.home.folder, s3Properties), filepath.Join(s.home.folder, s3Objects),
	}
}

// probe asks for the buckets, which only the service with these keys answers. It tells no version.
func (s *S3) probe(ctx context.Context) (version int, err error) {
	err = s.ask(func(client *minio.Client) error {
		_, err := client.ListBuckets(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ask the S3 service: %w", err)
	}
	return 0, nil
}

// ask gives work a client that keeps no connection.
func (s *S3) ask(work func(*minio.Client) error) error {
	client, err := minio.New(s.address(), &minio.Options{
		Creds: credentials.NewStaticV4(s.accessKey, s.secretKey, ""), Region: S3Region, MaxRetries: 1,
		Transport: &http.Transport{DisableKeepAlives: true},
	})
	if err != nil {
		return err
	}
	return work(client)
}

// NewBucket makes a bucket with a name of its own, and returns it.
func (s *S3) NewBucket(ctx context.Context) (name string, err error) {
	name = "bucket-" + strings.ToLower(rand.Text())
	err = s.ask(func(client *minio.Client) error {
		return client.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: S3Region})
	})
	if err != nil {
		return "", fmt.Errorf("make a bucket: %w", err)
	}
	return name, nil
}

// address is host and port of the service.
func (s *S3) address() string { return net.JoinHostPort(loopback, strconv.Itoa(s.port)) }

// Endpoint returns the service's URL.
func (s *S3) Endpoint() string { return "http://" + s.address() }

// AccessKey returns the key that may do anything with this service.
func (s *S3) AccessKey() string { return s.accessKey }

// SecretKey returns the secret that belongs to it.
func (s *S3) SecretKey() string { return s.secretKey }

// Folder returns where the service keeps its objects: a folder for each bucket.
func (s *S3) Folder() string { return filepath.Join(s.home.folder, s3Objects) }

// Restart stops the service if it runs, and starts it again on the same port. It also starts one that Kill has ended;
// after Stop the error is ErrStopped.
func (s *S3) Restart(ctx context.Context) error { return s.restart(ctx) }

// Kill ends the service at once, as a crash would. Restart starts it again.
func (s *S3) Kill() error { return s.kill() }

// Stop ends the service and removes its folder. A second call does nothing.
func (s *S3) Stop() error { return s.stop() }
