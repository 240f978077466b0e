package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
)

// number is a value of the model: the n-th of its key.
type number struct {
	key    string
	n      int
	bad    bool
	merged []put1 // the puts that it stands for, this one the last
}

// put1 is one Put: the n-th of its key, and its place among all where that is known.
type put1 struct{ n, place int }

// model is a database and its users, all of whom act at random, and what must be true of them.
type model struct {
	t      *testing.T
	queue  *queue.Queue[number]
	limit  int
	total  bool // the order of all puts is known, not only that of each key's
	healed bool

	mutex     sync.Mutex
	random    *rand.Rand
	away      int // so many writes will fail
	busy      bool
	durable   map[string]int // the n of each key
	doubtful  map[string]int // one that was committed although Write failed
	covered   map[string]map[int]bool
	refused   map[string]map[int]bool
	last      map[string]number
	places    int
	ordered   sync.Mutex
	perKey    map[string]*sync.Mutex
	succeeded int
}

const modelKeys = 12

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), durable: map[string]int{}, doubtful: map[string]int{}, covered: map[string]map[int]bool{}, refused: map[string]map[int]bool{},
		last: map[string]number{}, perKey: map[string]*sync.Mutex{},
	}
	for i := range modelKeys {
		key := fmt.Sprintf("k%d", i)
		m.perKey[key], m.covered[key], m.refused[key] = &sync.Mutex{}, map[int]bool{}, map[int]bool{}
	}
	m.limit, m.total = 1+m.random.IntN(modelKeys+3), m.random.IntN(2) == 0
	m.queue = queue.New(queue.Config[number]{
		Write: m.write, MaxItems: m.limit, WriteTimeout: time.Second,
		Rejects: func(err error) bool { return errors.Is(err, errTooLong) },
		Merge: func(pending, next number) number {
			next.merged = append(slices.Clone(pending.merged), next.merged...)
			return next
		},
	})
	return m
}

// chance is true once in so many times.
func (m *model) chance(times int) bool { return m.random.IntN(times) == 0 }

func (m *model) write(ctx context.Context, group []number) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.checkGroup(group)
	m.busy = true
	defer func() { m.busy = false }()
	if err := m.work(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(group, func(value number) bool { return value.bad }) {
		if len(group) == 1 {
			m.note(m.refused, group[0])
		}
		return errTooLong
	}
	lost := !m.healed && m.chance(15)
	for _, value := range group {
		if before := m.durable[value.key]; value.n < before || value.n == before && m.doubtful[value.key] != before {
			m.t.Errorf("%s: %d is written after %d", value.key, value.n, before)
		}
		m.durable[value.key] = value.n
		if lost {
			m.doubtful[value.key] = value.n
		} else {
			m.note(m.covered, value)
		}
	}
	m.succeeded++
	if lost {
		return fmt.Errorf("the answer is lost: %w", errAway)
	}
	return nil
}

// work takes time, without the lock, and may fail.
func (m *model) work(ctx context.Context) error {
	if m.healed {
		return nil
	}
	took := time.Duration(m.random.IntN(20)) * time.Millisecond
	if m.chance(50) {
		took = time.Hour
	}
	if m.away == 0 && m.chance(20) {
		m.away = 1 + m.random.IntN(10)
	}
	m.mutex.Unlock()
	defer m.mutex.Lock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.away > 0 {
		m.away--
		return errAway
	}
	return nil
}

// checkGroup looks at what Write is given.
func (m *model) checkGroup(group []number) {
	if m.busy {
		m.t.Error("two writes at once")
	}
	if len(group) == 0 || len(group) > m.limit {
		m.t.Errorf("a group of %d, the limit is %d", len(group), m.limit)
	}
	seen := map[string]bool{}
	for _, value := range group {
		if seen[value.key] {
			m.t.Errorf("%s is twice in a group", value.key)
		}
		seen[value.key] = true
	}
	if m.total && !slices.IsSortedFunc(group, func(a, b number) int { return cmp.Compare(a.merged[0].place, b.merged[0].place) }) {
		m.t.Errorf("a group is not in the order of the first puts: %v", group)
	}
}

func (m *model) note(where map[string]map[int]bool, value number) {
	for _, put := range value.merged {
		where[value.key][put.n] = true
	}
}

// put puts the next value of a key.
func (m *model) put(key string, bad bool) (queue.Ticket, int) {
	if m.total {
		m.ordered.Lock()
		defer m.ordered.Unlock()
	}
	m.perKey[key].Lock()
	defer m.perKey[key].Unlock()
	m.mutex.Lock()
	m.places++
	value := number{key: key, n: m.last[key].n + 1, bad: bad}
	value.merged = []put1{{value.n, m.places}}
	m.last[key] = value
	m.mutex.Unlock()
	return m.queue.Put(key, value), value.n
}

// use is one of those who put and wait.
func (m *model) use(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	type earlier struct {
		key    string
		n      int
		ticket queue.Ticket
	}
	var known []earlier
	for range 150 {
		key := fmt.Sprintf("k%d", random.IntN(modelKeys))
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(200))*time.Millisecond)
		switch random.IntN(8) {
		default:
			ticket, n := m.put(key, random.IntN(40) == 0)
			known = append(known, earlier{key, n, ticket})
		case 1:
			ticket, n := m.put(key, random.IntN(40) == 0)
			m.checkWait(key, n, m.queue.Wait(ctx, ticket))
		case 2:
			if len(known) > 0 {
				some := known[random.IntN(len(known))]
				m.checkWait(some.key, some.n, m.queue.Wait(ctx, some.ticket))
			}
		case 3:
			before := m.now()
			m.checkFlush(before, m.queue.Flush(ctx))
		case 4:
			time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		}
		cancel()
	}
}

// now is the last n of every key.
func (m *model) now() map[string]int {
	m.ordered.Lock()
	defer m.ordered.Unlock()
	last := map[string]int{}
	for key, mutex := range m.perKey {
		mutex.Lock()
		m.mutex.Lock()
		last[key] = m.last[key].n
		m.mutex.Unlock()
		mutex.Unlock()
	}
	return last
}

func (m *model) checkWait(key string, n int, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	switch {
	case err == nil:
		if m.durable[key] < n {
			m.t.Errorf("Wait for %s=%d returned, and the database has %d", key, n, m.durable[key])
		}
	case errors.Is(err, errTooLong):
		if !m.refused[key][n] {
			m.t.Errorf("Wait for %s=%d: %v, but it was never refused", key, n, err)
		}
	case !errors.Is(err, context.DeadlineExceeded):
		m.t.Errorf("Wait for %s=%d: %v", key, n, err)
	}
}

func (m *model) checkFlush(before map[string]int, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err != nil {
		if !errors.Is(err, errTooLong) && !errors.Is(err, context.DeadlineExceeded) {
			m.t.Errorf("Flush: %v", err)
		}
		return
	}
	for key, n := range before {
		if m.durable[key] < n {
			m.t.Errorf("Flush returned, %s was %d, and the database has %d", key, n, m.durable[key])
		}
	}
}

// checkEnd looks at what is durable when everything is.
func (m *model) checkEnd() {
	rejected := map[string]bool{}
	for _, rejection := range m.queue.Status().Rejected {
		rejected[rejection.Key] = true
	}
	for key, last := range m.last {
		switch {
		case last.bad != rejected[key]:
			m.t.Errorf("%s: the last value is bad: %v, the status says %v", key, last.bad, rejected[key])
		case !last.bad && m.durable[key] != last.n:
			m.t.Errorf("%s is %d in the end, not %d", key, m.durable[key], last.n)
		}
		for n := 1; n <= last.n; n++ {
			if !m.covered[key][n] && !m.refused[key][n] {
				m.t.Errorf("%s=%d was lost in merging", key, n)
			}
		}
	}
}

// checkUnwritten looks at what Close says is not durable.
func (m *model) checkUnwritten(err error) {
	var unwritten *queue.UnwrittenError
	if err != nil && !errors.As(err, &unwritten) {
		m.t.Errorf("Close: %v", err)
		return
	}
	named := map[string]bool{}
	if unwritten != nil {
		for _, key := range unwritten.Keys {
			named[key] = true
		}
	}
	for key, last := range m.last {
		stored := m.durable[key] == last.n || m.refused[key][last.n]
		doubtful := m.doubtful[key] == last.n
		if stored == named[key] && !doubtful {
			m.t.Errorf("%s: durable or refused: %v, named by %v", key, stored, err)
		}
	}
}

func TestRandomUseLosesAndReordersNothing(t *testing.T) {
	for range 40 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				m := newModel(t, seed)
				var users sync.WaitGroup
				for i := range uint64(8) {
					users.Go(func() { m.use(seed + i) })
				}
				users.Wait()
				m.mutex.Lock()
				abort := m.chance(4)
				m.healed = !abort
				m.mutex.Unlock()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				if abort {
					cancel()
				}
				defer cancel()
				err := m.queue.Close(ctx)
				synctest.Wait()
				m.mutex.Lock()
				defer m.mutex.Unlock()
				m.checkUnwritten(err)
				if !abort {
					m.checkEnd()
				}
				if m.succeeded == 0 {
					t.Error("nothing was written at all")
				}
			})
		})
	}
}
