package store_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/synapsedb/synapse/backup/store"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// childVariable makes the test binary another process that uses a store.
const childVariable = "SYNAPSE_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	dbtest.PlayProcess[child](childVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

// place is a store in a form that another process can be given: a folder, or a bucket.
type place struct {
	Folder    string        `json:"folder"`
	Bucket    string        `json:"bucket"`
	Prefix    string        `json:"prefix"`
	Endpoint  string        `json:"endpoint"`
	AccessKey string        `json:"access_key"` // of a service that is thrown away, as is the secret
	SecretKey string        `json:"secret_key"`
	Lease     time.Duration `json:"lease"`
	Patience  time.Duration `json:"patience"`
}

func (p place) open(ctx context.Context) (store.Store, error) {
	if p.Folder != "" {
		return store.OpenFolder(p.Folder)
	}
	return store.OpenS3(ctx, p.options())
}

func (p place) options() store.S3Options {
	return store.S3Options{
		Bucket: p.Bucket, Prefix: p.Prefix, Endpoint: p.Endpoint, Lease: p.Lease, Patience: cmp.Or(p.Patience, time.Minute),
		Credentials: store.Credentials{AccessKey: p.AccessKey, SecretKey: p.SecretKey},
	}
}

// mustOpen opens the store until the test ends.
func (p place) mustOpen(t testing.TB) store.Store {
	t.Helper()
	opened, err := p.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

// inBucket is a place in a bucket of its own.
func inBucket(t testing.TB) place {
	t.Helper()
	service := dbtest.S3(t)
	return place{
		Bucket: dbtest.NewBucket(t), Prefix: "a prefix/of two", Endpoint: service.Endpoint(),
		AccessKey: service.AccessKey(), SecretKey: service.SecretKey(),
	}
}

// everywhere runs a test on each kind of store.
func everywhere(t *testing.T, test func(*testing.T, place)) {
	t.Helper()
	for name, where := range map[string]func(*testing.T) place{
		"folder": func(t *testing.T) place { return place{Folder: t.TempDir()} },
		"S3":     func(t *testing.T) place { return inBucket(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, where(t))
		})
	}
}

// child is what another process does.
type child struct {
	Place place `json:"place"`
	// Work is "lock", which takes the lock and keeps it, or "put", which puts files without it: either says that it has begun, and goes on until it is killed. "mount" works in a file
	// system of its own.
	Work     string `json:"work"`
	ReadOnly bool   `json:"read_only"`
}

func (c child) command(t testing.TB) *exec.Cmd {
	t.Helper()
	command := dbtest.Process{Variable: childVariable, Work: c}.Command(t)
	command.Stderr = os.Stderr
	return command
}

// start runs it until it has begun.
func (c child) start(t testing.TB) *exec.Cmd {
	t.Helper()
	command := c.command(t)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, command) })
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "begun\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return command
}

// kill ends a process the way nothing can be done about, unless it has been.
func kill(t testing.TB, command *exec.Cmd) {
	t.Helper()
	if command.ProcessState != nil {
		return
	}
	if err := command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	_ = command.Wait() // always "signal: killed"
}

// Run is what it does.
func (c child) Run(ctx context.Context) error {
	if c.Work == "mount" {
		return c.onMount(ctx)
	}
	opened, err := c.Place.open(ctx)
	if err != nil {
		return err
	}
	if c.Work == "lock" {
		ctx, _, err = opened.Lock(ctx)
	}
	if err != nil {
		return err
	}
	fmt.Println("begun")
	for c.Work == "put" {
		if err := opened.Put(ctx, "packs/"+rand.Text(), content(rand.Text(), 3<<20)); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// content is what only a whole file has: its size and its letters are those of its beginning.
func content(seed string, size int) []byte {
	return slices.Repeat([]byte(seed+"\n"), size/(len(seed)+1))
}

// get reads a file.
func get(ctx context.Context, from store.Store, name string) ([]byte, error) {
	file, err := from.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	return content, errors.Join(err, file.Close())
}

func mustGet(t testing.TB, from store.Store, name string) []byte {
	t.Helper()
	content, err := get(t.Context(), from, name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func mustPut(t testing.TB, to store.Store, name string, content []byte) {
	t.Helper()
	if err := to.Put(t.Context(), name, content); err != nil {
		t.Fatal(err)
	}
}

// list returns what is in a store.
func list(t testing.TB, from store.Store, prefix string) []store.Info {
	t.Helper()
	var all []store.Info
	for info, err := range from.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info)
	}
	return all
}
