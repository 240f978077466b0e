package dbtest

import (
	"sync"
	"testing"
)

// Once holds what tests of one binary share because it takes long to make: one value for each key. The zero value is
// ready. Nobody changes a value that he got.
type Once[K comparable, V any] struct {
	mutex   sync.Mutex
	entries map[K]*entry[V]
}

// entry is a value that may not have been made yet.
type entry[V any] struct {
	once  sync.Once
	value V
	made  bool
}

// Get returns the value of a key; the first call makes it, and others wait. Should the first test end in it, those that
// wait end as well.
func (o *Once[K, V]) Get(t testing.TB, key K, create func() V) V {
	t.Helper()
	found := o.entry(key)
	found.once.Do(func() {
		found.value = create()
		found.made = !t.Failed()
	})
	if !found.made {
		t.Fatalf("the test that made %v for all others has failed", key)
	}
	return found.value
}

func (o *Once[K, V]) entry(key K) *entry[V] {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.entries == nil {
		o.entries = map[K]*entry[V]{}
	}
	if o.entries[key] == nil {
		o.entries[key] = &entry[V]{}
	}
	return o.entries[key]
}

// all returns what has been made.
func (o *Once[K, V]) all() []V {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	var values []V
	for _, each := range o.entries {
		if each.made {
			values = append(values, each.value)
		}
	}
	return values
}
