package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/synapsedb/synapse/backup/store"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestPrefixesAreStoresOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := inBucket(t)
	want := map[string][]string{
		"one": {"two/x", "x"}, "one/two": {"x"}, "onetwo": {"x"}, "": {"one/two/x", "one/x", "onetwo/x", "x"}, "other": nil,
	}
	for _, prefix := range []string{"one", "one/two", "onetwo", ""} {
		p.Prefix = prefix
		mustPut(t, p.mustOpen(t), "x", []byte(prefix))
	}
	for prefix, names := range want {
		p.Prefix = prefix
		opened := p.mustOpen(t)
		var got []string
		for _, info := range list(t, opened, "") {
			got = append(got, info.Name)
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", prefix, diff)
		}
		if prefix == "other" {
			continue
		}
		if got := string(mustGet(t, opened, "x")); got != prefix {
			t.Errorf("prefix %q has what was put with %q", prefix, got)
		}
	}
	p.Prefix = "one"
	if err := p.mustOpen(t).Remove(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	p.Prefix = "onetwo"
	mustGet(t, p.mustOpen(t), "x")
}

// client is one that asks the service by itself.
func (p place) client(t testing.TB) *minio.Client {
	t.Helper()
	client, err := minio.New(strings.TrimPrefix(p.Endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(p.AccessKey, p.SecretKey, ""), Region: server.S3Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// lockFile is where the service keeps the lock's object.
func (p place) lockFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(dbtest.S3(t).Folder(), p.Bucket, p.Prefix, "lock.json")
}

func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	p := inBucket(t)
	p.Lease = 8 * time.Second
	held, unlock, err := p.mustOpen(t).Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	dbtest.Await(t, func() bool {
		content, err := os.ReadFile(p.lockFile(t))
		if err == nil && len(content) > 0 {
			seen[string(content)] = true
		}
		return len(seen) >= 3 || held.Err() != nil
	})
	if err := errors.Join(context.Cause(held), unlock()); err != nil {
		t.Error(err)
	}
}

func TestLockThatAnotherHasTakenIsLost(t *testing.T) {
	t.Parallel()
	p := inBucket(t)
	p.Lease = 8 * time.Second
	opened := p.mustOpen(t)
	held, unlock, err := opened.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const others = `{"id":"other","holder":"process 1 on elsewhere","lease_ms":3600000,"nonce":"x"}`
	_, err = p.client(t).PutObject(t.Context(), p.Bucket, p.Prefix+"/lock.json", strings.NewReader(others), int64(len(others)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-held.Done()
	for _, err := range []error{context.Cause(held), unlock()} {
		if _, ok := errors.AsType[*store.LostError](err); !ok || !strings.Contains(err.Error(), "process 1 on elsewhere") {
			t.Errorf("%v, want a LostError that names the other process", err)
		}
	}
	if content, err := os.ReadFile(p.lockFile(t)); string(content) != others {
		t.Errorf("the other's lock has become %q, %v", content, err)
	}
	_, _, err = opened.Lock(t.Context())
	if locked, ok := errors.AsType[*store.LockedError](err); !ok || locked.Who != "process 1 on elsewhere" {
		t.Errorf("%v, want a LockedError that names the other process", err)
	}
}

func TestLockIsLostWithTheService(t *testing.T) {
	t.Parallel()
	direct := inBucket(t)
	direct.Lease = time.Second
	through, between := newProxy(t, direct, uncut)
	held, unlock, err := through.mustOpen(t).Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	between.end()
	<-held.Done()
	for _, err := range []error{context.Cause(held), unlock()} {
		if _, ok := errors.AsType[*store.LostError](err); !ok {
			t.Errorf("%v, want a LostError", err)
		}
	}
	if err := awaitLock(t, direct.mustOpen(t))(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsInTheLockIsNotTrusted(t *testing.T) {
	t.Parallel()
	p := inBucket(t)
	p.Lease = 2 * time.Second
	opened := p.mustOpen(t)
	const rubbish = "no JSON"
	_, err := p.client(t).PutObject(t.Context(), p.Bucket, p.Prefix+"/lock.json", strings.NewReader(rubbish), int64(len(rubbish)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = opened.Lock(t.Context())
	if _, ok := errors.AsType[*store.LockedError](err); !ok {
		t.Errorf("%v, want a LockedError", err)
	}
	if err := awaitLock(t, opened)(); err != nil {
		t.Error(err)
	}
}

// A megabyte in, then never more, or only the first time.
func TestPutThatIsCut(t *testing.T) {
	t.Parallel()
	whole := content("some content", 8<<20)
	t.Run("always", func(t *testing.T) {
		t.Parallel()
		direct := inBucket(t)
		direct.Patience = 300 * time.Millisecond
		through, _ := newProxy(t, direct, func(int) (to, from int64) { return 1 << 20, -1 })
		if err := through.mustOpen(t).Put(t.Context(), "packs/x", whole); err == nil || !strings.Contains(err.Error(), "packs/x") {
			t.Errorf("%v, want an error with the name", err)
		}
		opened := direct.mustOpen(t)
		if left := list(t, opened, ""); left != nil {
			t.Error(left)
		}
		if _, err := get(t.Context(), opened, "packs/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		direct := inBucket(t)
		through, _ := newProxy(t, direct, func(connection int) (to, from int64) {
			if connection == 0 {
				return 1 << 20, -1
			}
			return -1, -1
		})
		mustPut(t, through.mustOpen(t), "packs/x", whole)
		if got := mustGet(t, direct.mustOpen(t), "packs/x"); !bytes.Equal(got, whole) {
			t.Errorf("%d bytes, of which not all are right", len(got))
		}
	})
}

// The service has done it, and its answer is lost: the second attempt finds the file there.
func TestPutWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	direct := inBucket(t)
	var losing atomic.Bool
	through, _ := newProxy(t, direct, func(int) (to, from int64) {
		if losing.CompareAndSwap(true, false) {
			return -1, 0
		}
		return -1, -1
	})
	for _, name := range []string{"packs/x", "packs/y"} {
		opened := through.mustOpen(t)
		// A new connection has to be made for what follows.
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
		losing.Store(true)
		mustPut(t, opened, name, []byte(name))
		if losing.Load() {
			t.Error("nothing was lost")
		}
		if got := string(mustGet(t, direct.mustOpen(t), name)); got != name {
			t.Errorf("%q", got)
		}
	}
	losing.Store(true)
	opened := through.mustOpen(t)
	if err := opened.Put(t.Context(), "packs/x", []byte("packs/x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another's file counts as ours: %v", err)
	}
}

// Every connection breaks off after 300 kB from the service.
func TestGetGoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	direct := inBucket(t)
	whole := content("some content", 2<<20)
	mustPut(t, direct.mustOpen(t), "packs/x", whole)
	connections := atomic.Int64{}
	through, _ := newProxy(t, direct, func(int) (to, from int64) {
		connections.Add(1)
		return -1, 300_000
	})
	if got := mustGet(t, through.mustOpen(t), "packs/x"); !bytes.Equal(got, whole) {
		t.Errorf("%d bytes, of which not all are right", len(got))
	}
	if connections.Load() < 6 {
		t.Errorf("%d connections", connections.Load())
	}
}

func TestServiceThatIsGone(t *testing.T) {
	t.Parallel()
	direct := inBucket(t)
	direct.Patience = 300 * time.Millisecond
	mustPut(t, direct.mustOpen(t), "there", content("some content", 4<<20))
	through, between := newProxy(t, direct, uncut)
	opened := through.mustOpen(t)
	reading, err := opened.Get(t.Context(), "there")
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	between.end()
	for what, err := range allOf(t.Context(), opened) {
		if err == nil || !strings.Contains(err.Error(), "is the service running") {
			t.Errorf("%s: %v, want an error that asks about the service", what, err)
		}
		for _, kind := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission} {
			if errors.Is(err, kind) {
				t.Errorf("%s: %v counts as %v", what, err, kind)
			}
		}
	}
	if _, err := bytes.NewBuffer(nil).ReadFrom(reading); err == nil {
		t.Error("half a file is read as a whole one")
	}
	if _, err := through.open(t.Context()); err == nil {
		t.Error("it can be opened")
	}
	patient := direct
	patient.Patience, patient.Endpoint = time.Hour, through.Endpoint
	stopped := errors.New("the operator has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	failing := make(chan error, 1)
	go func() {
		_, err := patient.open(ctx)
		failing <- err
	}()
	cancel(stopped)
	if err := <-failing; !errors.Is(err, stopped) {
		t.Error(err)
	}
}

// allOf does each thing that can be done.
func allOf(ctx context.Context, opened store.Store) map[string]error {
	_, got := opened.Get(ctx, "there")
	_, _, locked := opened.Lock(ctx)
	var listed error
	for _, listed = range opened.List(ctx, "") {
	}
	return map[string]error{
		"Put": opened.Put(ctx, "new", []byte("x")), "Get": got, "Remove": opened.Remove(ctx, "there"), "Lock": locked, "List": listed,
	}
}

func TestServiceThatComesBack(t *testing.T) {
	t.Parallel()
	service, err := server.StartS3(t.Context(), server.S3Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Stop(); err != nil {
			t.Error(err)
		}
	})
	name, err := service.NewBucket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	direct := place{Bucket: name, Endpoint: service.Endpoint(), AccessKey: service.AccessKey(), SecretKey: service.SecretKey()}
	refused := make(chan struct{}, 100)
	through, _ := newProxy(t, direct, func(int) (to, from int64) { return -1, -1 })
	opened := through.mustOpen(t)
	if err := service.Kill(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		refused <- struct{}{}
		done <- opened.Put(t.Context(), "packs/x", []byte("content"))
	}()
	<-refused
	if err := service.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := string(mustGet(t, opened, "packs/x")); got != "content" {
		t.Errorf("%q", got)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	p := inBucket(t)
	for name, test := range map[string]struct {
		change func(*place)
		want   string
		kind   error
	}{
		"bucket that is not there":  {func(p *place) { p.Bucket = "not-there" }, "make the bucket not-there", nil},
		"key that nobody has":       {func(p *place) { p.AccessKey = "nobodys" }, "AWS_ACCESS_KEY_ID", fs.ErrPermission},
		"wrong secret":              {func(p *place) { p.SecretKey = "a wrong secret" }, "AWS_SECRET_ACCESS_KEY", fs.ErrPermission},
		"endpoint without a scheme": {func(p *place) { p.Endpoint = "localhost:9000" }, "no URL such as https://", nil},
		"endpoint with a password":  {func(p *place) { p.Endpoint = "https://me:" + p.SecretKey + "@localhost" }, "user or password", nil},
		"endpoint with the bucket":  {func(p *place) { p.Endpoint += "/bucket" }, "s3://BUCKET/PREFIX", nil},
		"prefix that leads out":     {func(p *place) { p.Prefix = "../other" }, "neither . nor .. in it", nil},
		"prefix with a slash":       {func(p *place) { p.Prefix = "backups/" }, "no slash at its beginning or end", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := p
			test.change(&changed)
			_, err := changed.open(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q", err, test.want)
			}
			for _, kind := range []error{fs.ErrNotExist, fs.ErrPermission} {
				if errors.Is(err, kind) != errors.Is(test.kind, kind) {
					t.Errorf("%v: is it %v?", err, kind)
				}
			}
			for _, secret := range []string{changed.AccessKey, changed.SecretKey} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("it shows %s: %v", secret, err)
				}
			}
		})
	}
}

func TestKeysOfAccessComeFromTheEnvironmentOrAFile(t *testing.T) {
	p := inBucket(t)
	accessKey, secretKey := p.AccessKey, p.SecretKey
	p.AccessKey, p.SecretKey = "", ""
	file := filepath.Join(t.TempDir(), "credentials")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	if _, err := p.open(t.Context()); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "set AWS_ACCESS_KEY_ID") {
		t.Errorf("without keys: %v", err)
	}
	if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = "+accessKey+"\naws_secret_access_key = "+secretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustPut(t, p.mustOpen(t), "from-the-file", nil)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	mustPut(t, p.mustOpen(t), "from-the-environment", nil)
}

func TestKeysOfAccessNeverShow(t *testing.T) {
	t.Parallel()
	options := place{AccessKey: "theaccess", SecretKey: "thesecret"}.options()
	options.Credentials.SessionToken = "thetoken"
	marshalled, err := json.Marshal(options.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(formatted(options), string(marshalled)) {
		if strings.Contains(text, "the") {
			t.Error(text)
		}
	}
}
