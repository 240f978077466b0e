package difference

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// side tells whose a row is.
type side uint8

const (
	source side = iota
	target
)

const sides = 2

// other returns the opposite side.
func (s side) other() side { return 1 - s }

// reference names a node by its number plus one, so that zero names none. Its top bit is not part of it.
type reference uint32

// ofTarget is set in node.same where a row is the target's.
const ofTarget reference = 1 << 31

// node holds a row without an equal. All nodes of one hash are of one side, since others would have vanished: the first of
// them stands in its bucket, the others hang on that, so that a million equal rows cost no search.
type node struct {
	hash xxh3.Uint128
	at   int64
	next reference // the next hash of the bucket; of a free node the next free one
	same reference // the next node of the same hash
}

const (
	nodeSize   = 32
	bucketSize = 4
)

func (n *node) from() side { return side(n.same >> 31) }

// table holds rows by their hash in nodes that are allocated many at once, and neither moved nor given back.
type table struct {
	limit   int64 // bytes
	shift   uint  // a block has 1<<shift nodes
	blocks  [][]node
	used    int       // nodes ever taken
	free    reference // given back
	live    int
	heads   []reference // of the buckets; a power of two
	growing bool        // whether there may be more buckets
}

func newTable(limit int64) *table {
	// A small limit is kept too, if it has room for a few rows.
	shift := min(max(bits.Len64(uint64(max(limit, 0)/nodeSize/16)), 3), 12)
	return &table{limit: limit, shift: uint(shift), heads: make([]reference, 1<<shift), growing: true}
}

func (t *table) node(at reference) *node {
	number := uint32(at&^ofTarget) - 1
	return &t.blocks[number>>t.shift][number&(1<<t.shift-1)]
}

// add lets a row vanish with an equal one of the other side, or keeps it. It reports whether there was room.
func (t *table) add(from side, entry Entry) bool {
	link := &t.heads[entry.Hash.Lo&uint64(len(t.heads)-1)]
	for *link != 0 {
		found := t.node(*link)
		if found.hash != entry.Hash {
			link = &found.next
			continue
		}
		if found.from() == from {
			return t.addEqual(found, from, entry)
		}
		t.remove(link, found)
		return true
	}
	return t.addNew(from, entry)
}

func (t *table) addNew(from side, entry Entry) bool {
	at, added := t.take()
	if added == nil {
		return false
	}
	head := &t.heads[entry.Hash.Lo&uint64(len(t.heads)-1)]
	*added = node{hash: entry.Hash, at: entry.At, next: *head, same: reference(from) << 31}
	*head = at
	if t.live > len(t.heads) && t.growing {
		t.growing = t.grow()
	}
	return true
}

func (t *table) addEqual(first *node, from side, entry Entry) bool {
	at, added := t.take()
	if added == nil {
		return false
	}
	*added = node{hash: entry.Hash, at: entry.At, same: first.same}
	first.same = at | reference(from)<<31
	return true
}

// remove takes one of the nodes of a hash away, of which link names the first.
func (t *table) remove(link *reference, first *node) {
	if rest := first.same &^ ofTarget; rest != 0 {
		removed := t.node(rest)
		first.same = removed.same
		t.give(rest, removed)
		return
	}
	at := *link
	*link = first.next
	t.give(at, first)
}

// take returns a node to fill, or nil if the limit is reached.
func (t *table) take() (reference, *node) {
	if at := t.free; at != 0 {
		taken := t.node(at)
		t.free = taken.next
		t.live++
		return at, taken
	}
	if t.used == len(t.blocks)<<t.shift && !t.addBlock() {
		return 0, nil
	}
	t.used++
	t.live++
	return reference(t.used), t.node(reference(t.used))
}

func (t *table) give(at reference, given *node) {
	given.next = t.free
	t.free = at
	t.live--
}

func (t *table) addBlock() bool {
	size := int64(nodeSize) << t.shift
	if len(t.blocks) > 0 && (t.bytes()+size > t.limit || int64(t.used)+size/nodeSize >= int64(ofTarget)) {
		return false
	}
	t.blocks = append(t.blocks, make([]node, 1<<t.shift))
	return true
}

func (t *table) bytes() int64 {
	return int64(len(t.blocks))*nodeSize<<t.shift + int64(len(t.heads))*bucketSize
}

// grow doubles the buckets, if there is room for the old ones beside the new ones for a moment, and reports whether there
// was. Otherwise the chains become longer.
func (t *table) grow() bool {
	if t.bytes()+2*int64(len(t.heads))*bucketSize > t.limit {
		return false
	}
	old := t.heads
	t.heads = make([]reference, 2*len(old))
	for _, at := range old {
		for at != 0 {
			moved := t.node(at)
			head := &t.heads[moved.hash.Lo&uint64(len(t.heads)-1)]
			at, moved.next, *head = moved.next, *head, at
		}
	}
	return true
}

// each calls visit with every row.
func (t *table) each(visit func(side, Entry) error) error {
	for _, first := range t.heads {
		for first != 0 {
			head := t.node(first)
			from := head.from()
			for at := first; at != 0; {
				row := t.node(at)
				if err := visit(from, Entry{Hash: row.hash, At: row.at}); err != nil {
					return err
				}
				at = row.same &^ ofTarget
			}
			first = head.next
		}
	}
	return nil
}

// clear forgets all rows and keeps the memory.
func (t *table) clear() {
	clear(t.heads)
	t.used, t.free, t.live = 0, 0, 0
}
