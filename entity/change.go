package entity

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// rawChange is a significant change, as JSON.
type rawChange struct {
	before, after document
	at, previous  time.Time
}

// changes tells subscribers of an entity's changes, one after the other in their order, whoever makes them. Nobody who makes a change
// waits for a subscriber that somebody else's change is being told to.
type changes struct {
	mu          sync.Mutex
	subscribers []*subscriber
	waiting     []notice
	delivering  bool
}

// notice is a change, and those who were subscribed when it was made.
type notice struct {
	made rawChange
	to   []*subscriber
}

type subscriber struct {
	tell  func(rawChange)
	ended atomic.Bool
}

// subscribe has tell called for each change from now on. After what it returns no call begins.
func (c *changes) subscribe(tell func(rawChange)) (stop func()) {
	added := &subscriber{tell: tell}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(slices.Clip(c.subscribers), added) // a new list: the one before may be a notice's
	return func() { c.remove(added) }
}

// remove makes a new list, too.
func (c *changes) remove(ended *subscriber) {
	ended.ended.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest []*subscriber
	for _, one := range c.subscribers {
		if one != ended {
			rest = append(rest, one)
		}
	}
	c.subscribers = rest
}

func (c *changes) add(made rawChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.subscribers) > 0 {
		c.waiting = append(c.waiting, notice{made, c.subscribers})
	}
}

// deliver calls the subscribers, unless somebody is doing so, who then tells of this change too.
func (c *changes) deliver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.delivering {
		return
	}
	c.delivering = true
	defer func() { c.delivering = false }()
	for len(c.waiting) > 0 {
		c.tell()
	}
}

// tell calls the subscribers with the first change, without the lock: they may change entities.
func (c *changes) tell() {
	first := c.waiting[0]
	c.waiting[0] = notice{}
	c.waiting = c.waiting[1:]
	c.mu.Unlock()
	defer c.mu.Lock()
	for _, one := range first.to {
		if !one.ended.Load() {
			one.tell(first.made)
		}
	}
}
