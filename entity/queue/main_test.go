package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/synapsedb/synapse/entity/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// item is what tests put.
type item struct{ key, value string }

func (i item) String() string { return i.key + "=" + i.value }

var (
	errAway    = errors.New("connection refused")
	errTooLong = errors.New("too long")
	errTaken   = errors.New("another process has taken over")
)

// database is one that takes time and fails as a test wants it to.
type database struct {
	takes  time.Duration
	answer func(group []item) error // what comes of a write that is not cancelled; nil is success

	mutex   sync.Mutex
	started time.Time
	writes  []string // all that was tried, with the time since the start, and what came of it
	rows    map[string]string
	busy    bool
}

// Write is the queue's.
func (d *database) Write(ctx context.Context, group []item) error {
	defer d.begin(group)()
	err := d.work(ctx, group)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err != nil {
		d.writes[len(d.writes)-1] += ": " + err.Error()
		return err
	}
	for _, item := range group {
		d.rows[item.key] = item.value
	}
	return nil
}

// begin notes a write, and makes sure that it is the only one.
func (d *database) begin(group []item) (end func()) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.busy {
		panic("two writes at once")
	}
	d.busy = true
	words := []string{time.Since(d.started).String()}
	for _, item := range group {
		words = append(words, item.String())
	}
	d.writes = append(d.writes, strings.Join(words, " "))
	return func() {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		d.busy = false
	}
}

func (d *database) work(ctx context.Context, group []item) error {
	if d.takes > 0 {
		select {
		case <-time.After(d.takes):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	d.mutex.Lock()
	answer := d.answer
	d.mutex.Unlock()
	if answer == nil {
		return nil
	}
	return answer(group)
}

// set changes the answer.
func (d *database) set(answer func(group []item) error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.answer = answer
}

// row is the durable value of a key.
func (d *database) row(key string) string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.rows[key]
}

// tried lists the writes so far.
func (d *database) tried() []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return slices.Clone(d.writes)
}

// opened begins the time of a database and makes a queue for it, which is closed when the test ends.
func opened(t *testing.T, d *database, config queue.Config[item]) *queue.Queue[item] {
	t.Helper()
	d.started, d.rows = time.Now(), map[string]string{}
	config.Write = d.Write
	if config.Rejects == nil {
		config.Rejects = func(err error) bool { return errors.Is(err, errTooLong) }
	}
	config.Fatal = func(err error) bool { return errors.Is(err, errTaken) }
	q := queue.New(config)
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		q.Close(ended)
	})
	return q
}

// put puts an item, written as "key=value".
func put(q *queue.Queue[item], text string) queue.Ticket {
	key, value, _ := strings.Cut(text, "=")
	return q.Put(key, item{key, value})
}

// refusing gives an answer that rejects groups with any of some values.
func refusing(values ...string) func([]item) error {
	return func(group []item) error {
		for _, item := range group {
			if slices.Contains(values, item.value) {
				return fmt.Errorf("%s: %w", item.key, errTooLong)
			}
		}
		return nil
	}
}

// until gives an answer that is an error until some time has passed.
func until(end time.Duration, err error) func([]item) error {
	started := time.Now()
	return func([]item) error {
		if time.Since(started) < end {
			return err
		}
		return nil
	}
}

// result is what a function returns in a goroutine of its own.
func result(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

// inBubble runs a test in time of its own.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}
