package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	defaultEndpoint = "https://s3.amazonaws.com"
	// defaultRegion is what services take that have no regions.
	defaultRegion   = "us-east-1"
	defaultLease    = time.Minute
	defaultPatience = 2 * time.Minute
	// openPatience is short: an endpoint that is not reachable at the beginning is more often a wrong one than one that comes back.
	openPatience = 10 * time.Second
)

// S3Options says which bucket is opened, and how.
type S3Options struct {
	// Bucket has to be there.
	Bucket string
	// Prefix begins the keys of all objects, without a slash at its end. Empty: the names are the keys.
	Prefix string
	// Endpoint is the service's URL, http or https. Empty: that of AWS.
	Endpoint string
	// Region is the bucket's. Empty: the service is asked at AWS, and elsewhere it is us-east-1.
	Region string
	// Credentials are who asks. Empty: those in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else in the file of AWS's own tools, ~/.aws/credentials or
	// AWS_SHARED_CREDENTIALS_FILE, of the profile AWS_PROFILE or "default".
	Credentials Credentials
	// Lease is how long the lock of a process that was killed keeps others out; it is renewed four times as often. Others take it over when a quarter more and two seconds have
	// passed, as the clocks of a service's machines differ. Services tell time in whole seconds, so less than a few of them is
	// not useful. Default: a minute.
	Lease time.Duration
	// Patience is how long a request is tried again that fails for a reason that may pass, such as a server that is starting. Default: two minutes.
	Patience time.Duration
	// Log is told of an endpoint that is reached without encryption. Default: nobody.
	Log *slog.Logger
}

// Credentials are the keys of access to an S3 service. They never show in a text, JSON or a log.
type Credentials struct {
	AccessKey    string `json:"-"`
	SecretKey    string `json:"-"`
	SessionToken string `json:"-"` // only of keys that are for a session
}

// String shows nothing.
func (Credentials) String() string { return "(not shown)" }

// GoString shows nothing.
func (Credentials) GoString() string { return "(not shown)" }

// LogValue shows nothing.
func (Credentials) LogValue() slog.Value { return slog.StringValue("(not shown)") }

// OpenS3 opens a bucket that is there, and asks the service whether it lets these credentials list it. An error of the service is an *S3Error.
//
//nolint:ireturn // callers work with either store
func OpenS3(ctx context.Context, options S3Options) (Store, error) {
	b, err := newBucket(options)
	if err != nil {
		return nil, err
	}
	patience := b.options.Patience
	b.options.Patience = min(patience, openPatience)
	for _, err := range b.List(ctx, "") {
		if err != nil {
			_ = b.Close() // nothing was written
			return nil, err
		}
		break
	}
	b.options.Patience = patience
	return b, nil
}

func newBucket(options S3Options) (*bucket, error) {
	options.Lease, options.Patience = cmp.Or(options.Lease, defaultLease), cmp.Or(options.Patience, defaultPatience)
	if err := checkKeyPrefix(options.Prefix); err != nil {
		return nil, err
	}
	endpoint, err := readEndpoint(cmp.Or(options.Endpoint, defaultEndpoint))
	if err != nil {
		return nil, err
	}
	if options.Endpoint != "" {
		options.Region = cmp.Or(options.Region, defaultRegion)
	}
	keys, err := options.Credentials.find()
	if err != nil {
		return nil, err
	}
	b := &bucket{options: options, wires: newWires()}
	b.client, err = minio.New(endpoint.Host, &minio.Options{
		Creds: keys, Secure: endpoint.Scheme == "https", Region: options.Region, Transport: b.wires, MaxRetries: 2, // the second with the region that the service names; the others are in try
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", b, err)
	}
	if endpoint.Scheme == "http" && options.Log != nil && !isLoopback(endpoint.Hostname()) {
		options.Log.Warn("the connection to the service of backups is not encrypted", "endpoint", endpoint.Host)
	}
	return b, nil
}

// checkKeyPrefix takes what is a path: a service would make another key of anything else, or none.
func checkKeyPrefix(prefix string) error {
	if prefix == "" || fs.ValidPath(prefix) && prefix != "." && !strings.ContainsFunc(prefix, func(letter rune) bool {
		return letter == '\\' || unicode.IsControl(letter)
	}) {
		return nil
	}
	return fmt.Errorf("%q cannot begin the keys of a bucket: name a path, with no slash at its beginning or end, and neither . nor .. in it", prefix)
}

// readEndpoint takes the URL of a service. An error does not show it, since people write passwords into URLs.
func readEndpoint(text string) (*url.URL, error) {
	endpoint, err := url.Parse(text)
	switch {
	case err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https":
		return nil, errors.New("the endpoint of the S3 service is no URL such as https://s3.example.org")
	case endpoint.User != nil:
		return nil, errors.New("the endpoint of the S3 service has a user or password: give the keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" || endpoint.Fragment != "":
		return nil, errors.New("the endpoint of the S3 service has a path: the bucket and its prefix are named as s3://BUCKET/PREFIX")
	}
	return endpoint, nil
}

func isLoopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

// find returns the keys in the form of the client, which asks for those in a file again when they have run out.
func (c Credentials) find() (*credentials.Credentials, error) {
	if c != (Credentials{}) {
		return credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken), nil
	}
	found := credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	value, err := found.GetWithContext(nil)
	if err != nil || value.AccessKeyID == "" || value.SecretAccessKey == "" {
		return nil, fmt.Errorf("there are no keys of access to the S3 service: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials: %w", fs.ErrPermission)
	}
	return found, nil
}

const (
	connectPatience = 10 * time.Second
	// silence is how long a connection may move no byte in either direction before it counts as lost.
	silence = time.Minute
)

// newWires makes connections that end when nothing moves. TCP alone would wait a quarter of an hour for an answer to what it has sent.
func newWires() *http.Transport {
	dialer := &net.Dialer{Timeout: connectPatience}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &wire{Conn: connection, silence: silence}, nil
		},
		TLSHandshakeTimeout: connectPatience,
		MaxIdleConnsPerHost: 16, // as many as there are uploads at once
		IdleConnTimeout:     silence / 2,
		DisableCompression:  true,
	}
}

// wire is a connection on which something has to move.
type wire struct {
	net.Conn

	silence time.Duration
}

// Read waits for the next bytes, or until nothing has moved for too long.
func (w *wire) Read(into []byte) (int, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.silence)); err != nil {
		return 0, err
	}
	return w.Conn.Read(into)
}

// Write writes in small parts, each of which gives the whole connection, the reader that waits for the answer too, its time anew.
func (w *wire) Write(from []byte) (written int, err error) {
	const part = 64 << 10
	for first := true; err == nil && (first || len(from) > 0); first = false {
		if err := w.SetDeadline(time.Now().Add(w.silence)); err != nil {
			return written, err
		}
		var n int
		n, err = w.Conn.Write(from[:min(part, len(from))])
		written, from = written+n, from[n:]
	}
	return written, err
}
