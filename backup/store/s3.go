package store

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the checksum of the protocol, not a secret
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
)

// bucket is a store in a bucket of an S3 service.
type bucket struct {
	options S3Options
	client  *minio.Client
	wires   *http.Transport
}

// String returns the bucket and the prefix as a URL, which has no secrets.
func (b *bucket) String() string {
	if b.options.Prefix == "" {
		return "s3://" + b.options.Bucket
	}
	return "s3://" + b.options.Bucket + "/" + b.options.Prefix
}

// Free is not known: a service tells no quota before it is used up.
func (b *bucket) Free() (bytes int64, known bool) { return 0, false }

// Close closes the connections.
func (b *bucket) Close() error {
	b.wires.CloseIdleConnections()
	return nil
}

// key is the key of an object, or of all those whose names begin so.
func (b *bucket) key(name string) string {
	if b.options.Prefix == "" {
		return name
	}
	return b.options.Prefix + "/" + name
}

// putter is the metadatum by which a file is known as the one that a call of Put has sent.
const putter = "Synapse-Put"

// Put sends a file, on condition that there is none of that name. A service shows it only when all of it has arrived.
func (b *bucket) Put(ctx context.Context, name string, content []byte) error {
	if err := checkName(name); err != nil {
		return b.failure("store", name, err)
	}
	ours := rand.Text()
	err := b.try(ctx, func(ctx context.Context) error {
		_, err := b.put(ctx, name, content, onlyNew(map[string]string{putter: ours}))
		return err
	})
	// An answer that was lost makes the second attempt meet with what the first one has done.
	if isConflict(err) {
		err = b.recognise(ctx, name, ours, err)
	}
	return b.failure("store", name, err)
}

// recognise takes a refusal for a success when the file that is there is the one that was sent. A service may refuse what is being put, and show it a moment later.
func (b *bucket) recognise(ctx context.Context, name, ours string, refusal error) error {
	const looks = 5
	for range looks {
		there, err := b.putterOf(ctx, name)
		switch {
		case isMissing(err):
			err = rest(ctx, firstPause)
		case err == nil && there != ours:
			err = refusal
		case err == nil:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return refusal
}

// putterOf returns the metadatum of the file that is there.
func (b *bucket) putterOf(ctx context.Context, name string) (text string, err error) {
	err = b.try(ctx, func(ctx context.Context) error {
		there, err := b.client.StatObject(ctx, b.options.Bucket, b.key(name), minio.StatObjectOptions{})
		text = there.UserMetadata[putter]
		return err
	})
	return text, err
}

// onlyNew is the condition that there is no such object.
func onlyNew(metadata map[string]string) minio.PutObjectOptions {
	options := minio.PutObjectOptions{UserMetadata: metadata, ContentType: "application/octet-stream"}
	options.SetMatchETagExcept("*")
	return options
}

// onlyFor is the condition that the object is the one with an ETag.
func onlyFor(etag string) minio.PutObjectOptions {
	options := minio.PutObjectOptions{ContentType: "application/json"}
	options.SetMatchETag(etag)
	return options
}

// put sends an object in one request, once. The sums let the service refuse what has changed on the way.
func (b *bucket) put(ctx context.Context, name string, content []byte, options minio.PutObjectOptions) (etag string, err error) {
	core := minio.Core{Client: b.client}
	options.DisableContentSha256 = true                        // of each piece of the body, which not every service knows; that of all of it is sent
	simple, strong := md5.Sum(content), sha256.Sum256(content) //nolint:gosec // see the import
	sent, err := core.PutObject(ctx, b.options.Bucket, b.key(name), bytes.NewReader(content), int64(len(content)),
		base64.StdEncoding.EncodeToString(simple[:]), hex.EncodeToString(strong[:]), options)
	return sent.ETag, err
}

// Remove removes an object. In a bucket with versions the service keeps it as an old one.
func (b *bucket) Remove(ctx context.Context, name string) error {
	err := checkName(name)
	if err == nil {
		err = b.try(ctx, func(ctx context.Context) error {
			return b.client.RemoveObject(ctx, b.options.Bucket, b.key(name), minio.RemoveObjectOptions{})
		})
	}
	if err = b.failure("remove", name, err); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List asks for a thousand names at a time, as the service gives them. A page that fails is asked for again, behind the last name that was handed out.
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		l := listing{bucket: b, prefix: prefix, yield: yield}
		err := checkPrefix(prefix)
		for err == nil && !l.ended && !l.complete {
			err = b.try(ctx, l.goOn)
		}
		if err != nil && !l.ended {
			yield(Info{}, b.failure("list", prefix, err))
		}
	}
}

// listing is one call of List.
type listing struct {
	bucket *bucket
	prefix string
	yield  func(Info, error) bool
	// after is the last key that was seen.
	after string
	// complete is set at the end of the list, ended by whoever gets what is found.
	complete, ended bool
}

// goOn lists what comes after the last key, as far as it gets.
func (l *listing) goOn(ctx context.Context) error {
	began := l.after
	options := minio.ListObjectsOptions{Prefix: l.bucket.key(l.prefix), StartAfter: l.after, Recursive: true}
	for object := range l.bucket.client.ListObjectsIter(ctx, l.bucket.options.Bucket, options) {
		if object.Err != nil && l.after != began && passes(object.Err) {
			return nil // it got on, so that patience begins anew
		}
		if object.Err != nil {
			return object.Err
		}
		if object.Key <= l.after {
			return &OrderError{Store: l.bucket.String(), Key: object.Key, After: l.after}
		}
		l.after = object.Key
		name := strings.TrimPrefix(object.Key, l.bucket.key(""))
		if !validName(name) {
			continue // nobody has put it
		}
		if l.ended = !l.yield(Info{Name: name, Size: object.Size}, nil); l.ended {
			return nil
		}
	}
	if err := context.Cause(ctx); err != nil { // at which the client ends without a word
		return err
	}
	l.complete = true
	return nil
}

// Get reads an object. What breaks off is taken up again where it was, as long as the object is the same.
func (b *bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, b.failure("read", name, err)
	}
	o := &object{bucket: b, ctx: ctx, name: name}
	if err := b.try(ctx, o.open); err != nil {
		return nil, b.failure("read", name, err)
	}
	return o, nil
}

// object is one that is being read.
type object struct {
	bucket *bucket
	ctx    context.Context //nolint:containedctx // a Reader is not given one
	name   string

	body io.ReadCloser // nil when it has broken off
	etag string
	at   int64
	size int64
}

// open begins to read where the object is.
func (o *object) open(ctx context.Context) error {
	options := minio.GetObjectOptions{}
	if o.at > 0 {
		if err := options.SetRange(o.at, 0); err != nil {
			return err
		}
	}
	if o.etag != "" {
		if err := options.SetMatchETag(o.etag); err != nil {
			return err
		}
	}
	core := minio.Core{Client: o.bucket.client}
	body, info, _, err := core.GetObject(ctx, o.bucket.options.Bucket, o.bucket.key(o.name), options)
	if err != nil {
		return err
	}
	o.body = body
	if o.etag == "" {
		o.etag, o.size = info.ETag, info.Size
	}
	return nil
}

// Read reads on.
func (o *object) Read(into []byte) (n int, err error) {
	if o.at == o.size || len(into) == 0 {
		return 0, o.end()
	}
	if err := context.Cause(o.ctx); err != nil {
		return 0, o.bucket.failure("read", o.name, err)
	}
	err = o.bucket.try(o.ctx, func(ctx context.Context) error {
		if o.body == nil {
			if err := o.open(ctx); err != nil {
				return err
			}
		}
		n, err = o.body.Read(into)
		o.at += int64(n)
		if n > 0 || err == nil {
			return nil
		}
		_ = o.body.Close() // only read
		o.body = nil
		return unexpected(err)
	})
	return n, o.bucket.failure("read", o.name, err)
}

// end returns io.EOF when all was read.
func (o *object) end() error {
	if o.at == o.size {
		return io.EOF
	}
	return nil
}

// unexpected is the end of a body that should have had more bytes.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Close ends the reading.
func (o *object) Close() error {
	if o.body == nil {
		return nil
	}
	return o.body.Close()
}
