package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

const updatesTable = `CREATE TABLE background_updates (update_name TEXT NOT NULL, progress_json TEXT NOT NULL, depends_on TEXT,
	ordering INTEGER NOT NULL DEFAULT 0, CONSTRAINT background_updates_uniqueness UNIQUE (update_name))`

// token is what most servers of the tests ask for.
const token = "syt_secret_of_the_tests"

// opener opens sessions of a database.
type opener func(ctx context.Context) (engine.Session, error)

// onBothEngines runs a test on a database with the table of updates and nothing else.
func onBothEngines(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t, kind))
		})
	}
}

func newSQLite(t *testing.T) opener {
	t.Helper()
	return newDatabase(t, engine.SQLite)
}

func newDatabase(t *testing.T, kind engine.Kind) opener {
	t.Helper()
	open := opener(anyengine.New(t, kind).Open)
	open.exec(t, updatesTable)
	return open
}

func (o opener) exec(t *testing.T, statements ...string) {
	t.Helper()
	session, err := o(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range statements {
		if _, err := session.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (o opener) enqueue(t *testing.T, updates ...string) {
	t.Helper()
	for _, update := range updates {
		o.exec(t, `INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('`+update+`', '{}', 7201)`)
	}
}

func (o opener) pending(t *testing.T) (names []string) {
	t.Helper()
	session, err := o(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	all, err := background.List(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

// startJob is StartJob as a server has it.
func (o opener) startJob(ctx context.Context, name string, body json.RawMessage) (err error) {
	var parameters struct {
		OldKey   *string `json:"old_key"`
		BeforeTS int64   `json:"before_ts"`
	}
	if err := json.Unmarshal(body, &parameters); err != nil {
		return &admin.ParameterError{Name: "before_ts", Problem: "it has to be an integer"}
	}
	job := upstream.Job{Name: name, BeforeTS: parameters.BeforeTS}
	if name == upstream.ResignJob && parameters.OldKey == nil {
		return &admin.ParameterError{Name: "old_key"}
	}
	session, err := o(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	_, err = upstream.StartJob(ctx, session, job)
	if queued, is := errors.AsType[*upstream.QueuedError](err); is {
		return &admin.QueuedError{Job: queued.Job, Pending: queued.Pending}
	}
	if _, is := errors.AsType[*engine.ValueError](err); is {
		return &admin.UnknownJobError{Job: name}
	}
	return err
}

// interval is how long an updater waits before it looks again by itself: as long as a test takes.
const interval = time.Hour

// testClock stands still but for what is advanced. It waits for an interval only.
type testClock struct {
	mutex sync.Mutex
	now   time.Time
}

func (c *testClock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *testClock) Sleep(ctx context.Context, duration time.Duration) error {
	if duration >= interval {
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

func (c *testClock) advance(duration time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(duration)
}

// newUpdater makes one that makes no pauses.
func newUpdater(t *testing.T, open opener, name string, registry *background.Registry, change ...func(*background.Config)) *background.Updater {
	t.Helper()
	config := background.Config{
		Name: name, Open: open, Registry: registry, Pacing: background.Pacing{NoSleep: true}, SessionsKnown: true, Interval: interval,
		Clock: &testClock{now: time.UnixMilli(1_700_000_000_000)},
	}
	for _, one := range change {
		one(&config)
	}
	updater, err := background.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return updater
}

// work has an updater serve until the test ends.
func work(t *testing.T, updater *background.Updater) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- updater.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the updater has ended: %v", err)
		}
	})
}

// awaitState waits until an updater has come to a state.
func awaitState(t *testing.T, updater *background.Updater, wanted background.State) {
	t.Helper()
	dbtest.Await(t, func() bool { return updater.Status().State == wanted })
}

// client talks to an admin API, and remembers what it has heard.
type client struct {
	url   string
	http  *http.Client
	token string
	log   *safeBuffer
}

// newClient serves a configuration, whose log it keeps, until the test ends.
func newClient(t *testing.T, config admin.Config) *client {
	t.Helper()
	log := &safeBuffer{}
	config.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	handler, err := admin.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &client{url: server.URL, http: server.Client(), token: config.Token, log: log}
}

// answer is what the tests look at of one.
type answer struct {
	Status int
	Body   string
}

// do sends a request, by default with the token; change may be nil.
func (c *client) do(t *testing.T, method, path, body string, change func(*http.Request)) (answer, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if change != nil {
		change(request)
	}
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, strings.TrimSuffix(string(text), "\n")}, response.Header
}

func (c *client) get(t *testing.T, name string) answer {
	t.Helper()
	got, _ := c.do(t, http.MethodGet, admin.Prefix+name, "", nil)
	return got
}

func (c *client) post(t *testing.T, name, body string) answer {
	t.Helper()
	got, _ := c.do(t, http.MethodPost, admin.Prefix+name, body, nil)
	return got
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(text)
}

func (b *safeBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// idle is an updater whose database is never asked.
func idle(t *testing.T, name string) *background.Updater {
	t.Helper()
	open := func(context.Context) (engine.Session, error) { return nil, errors.New("nobody should open it") }
	return newUpdater(t, open, name, background.NewRegistry())
}
