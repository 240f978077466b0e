package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/synapsedb/synapse/backup/pack"
)

// packing puts contents of media into packs, each once, and takes over those that the backup before has.
//
// Until the end the places of packs are counted through all of the backup before, and then on through the new ones. Of each content about 100 bytes are
// kept in memory.
type packing struct {
	into  *pack.Writer
	known map[[sha256.Size]byte]span
	old   []pack.Pack // of the backup before
	used  []bool      // of old
	final []int       // the final places of old
	taken int         // how many of old are used
	new   []pack.Pack
}

// span is a number of packs in a row. Parts of a content are in such.
type span struct{ first, count int32 }

func newPacking(into *pack.Writer) *packing {
	return &packing{into: into, known: map[[sha256.Size]byte]span{}}
}

// writer is nil if there is none yet.
func (p *packing) writer() *pack.Writer {
	if p == nil {
		return nil
	}
	return p.into
}

func spanOf(places []int) (span, bool) {
	for i, place := range places {
		if place != places[0]+i {
			return span{}, false
		}
	}
	if len(places) == 0 {
		return span{}, false
	}
	return span{first: int32(places[0]), count: int32(len(places))}, true // 2^31 packs would have 32 PB
}

func (s span) places() []int {
	places := make([]int, s.count)
	for i := range places {
		places[i] = int(s.first) + i
	}
	return places
}

// use gives the places of a content that is known.
func (p *packing) use(of span) []int {
	places := of.places()
	for _, place := range places {
		if place < len(p.old) {
			p.used[place] = true
		}
	}
	return places
}

func (p *packing) keep(medium *Medium) bool {
	there, isKnown := p.known[binary(medium.SHA256)]
	if isKnown {
		medium.Packs = p.use(there)
	}
	return isKnown
}

// binary is a checksum without its digits, which sumForm has looked at.
func binary(sum string) (short [sha256.Size]byte) {
	_, _ = hex.Decode(short[:], []byte(sum)) // as said
	return short
}

// smallContent is how long a content may be that is held in memory, so that it is read once: its name is its checksum, and comes first.
const smallContent = 4 << 20

func (p *packing) add(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	var small bytes.Buffer
	size, sum, err := copySummed(ctx, &limited{into: &small, most: smallContent}, from, took)
	stored = Stored{Size: size, SHA256: sum}
	if err != nil {
		return stored, false, err
	}
	if there, isKnown := p.known[binary(sum)]; isKnown {
		stored.Packs = p.use(there)
		return stored, false, nil
	}
	if size <= smallContent {
		stored.Packs, err = p.put(ctx, stored, &small)
		return stored, true, err
	}
	return p.addLarge(ctx, stored, from)
}

// addLarge reads a file once more. One that changes meanwhile is stored as what it is then.
func (p *packing) addLarge(ctx context.Context, stored Stored, from *os.File) (_ Stored, isNew bool, err error) {
	const attempts = 3
	for range attempts {
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return stored, false, err
		}
		again := &summedReader{from: &reading{ctx: ctx, from: from}, sum: newSumming(io.Discard)}
		places, err := p.put(ctx, stored, again)
		if err != nil {
			return stored, false, err
		}
		if again.sum.sum() == stored.SHA256 {
			stored.Packs = places
			return stored, true, nil
		}
		delete(p.known, binary(stored.SHA256))
		stored.Size, stored.SHA256 = again.sum.size, again.sum.sum()
	}
	return stored, false, fmt.Errorf("%s changes as fast as it is read", from.Name())
}

func (p *packing) put(ctx context.Context, stored Stored, from io.Reader) ([]int, error) {
	places, _, err := p.into.Add(ctx, object(stored.SHA256), from)
	if err != nil {
		return nil, err
	}
	for i := range places {
		places[i] += len(p.old)
	}
	there, inRow := spanOf(places)
	if !inRow {
		return nil, fmt.Errorf("the parts of %s are in the packs %v, which are not in a row", object(stored.SHA256), places)
	}
	p.known[binary(stored.SHA256)] = there
	return places, nil
}

// flush stores the last pack. The final places are known then.
func (p *packing) flush(ctx context.Context) (err error) {
	p.new, err = p.into.Close(ctx)
	p.final = make([]int, len(p.old))
	for i, isUsed := range p.used {
		p.final[i] = p.taken
		if isUsed {
			p.taken++
		}
	}
	return err
}

// finish gives places their final numbers.
func (p *packing) finish(places []int) {
	for i, place := range places {
		if place < len(p.old) {
			places[i] = p.final[place]
		} else {
			places[i] = place - len(p.old) + p.taken
		}
	}
}

// all are the packs that are used, in the order of their final places.
func (p *packing) all() []pack.Pack {
	var all []pack.Pack
	for i, one := range p.old {
		if p.used[i] {
			all = append(all, one)
		}
	}
	return append(all, p.new...)
}

// limited keeps what it is given, unless it is too much.
type limited struct {
	into *bytes.Buffer
	most int
}

func (l *limited) Write(content []byte) (int, error) {
	if l.into.Len()+len(content) > l.most {
		l.most = 0
		l.into.Reset()
		return len(content), nil
	}
	return l.into.Write(content)
}

// summedReader sums what is read through it.
type summedReader struct {
	from io.Reader
	sum  *summing
}

func (s *summedReader) Read(into []byte) (int, error) {
	n, err := s.from.Read(into)
	_, _ = s.sum.Write(into[:n]) // to nowhere
	return n, err
}
