package pack

import (
	"context"
	"iter"
	"sync"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/store"
)

// All reads several packs at a time, and gives out what they hold in their order: for each pack its members, or an error as Read has it, behind which
// it goes on with the next. Contents are valid until the next pack is asked for. When ctx ends, what is left of the packs has its error.
func All(ctx context.Context, from store.Store, packs []Pack, identities []age.Identity, readers int) iter.Seq2[[]Member, error] {
	return func(yield func([]Member, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		r := &readAhead{from: from, identities: identities, free: make(chan *buffers, max(readers, 1)), next: packs}
		defer r.running.Wait()
		defer cancel()
		for range cap(r.free) {
			r.free <- new(buffers)
		}
		for range packs {
			r.start(ctx)
			read := <-r.begun[0]
			r.begun = r.begun[1:]
			goOn := yield(read.members, read.err)
			r.free <- read.buffers
			if !goOn {
				return
			}
		}
	}
}

// readAhead reads the packs that come next.
type readAhead struct {
	from       store.Store
	identities []age.Identity
	free       chan *buffers
	next       []Pack
	begun      []chan readPack
	running    sync.WaitGroup
}

type readPack struct {
	members []Member
	err     error
	buffers *buffers
}

// start begins to read as many packs as there are buffers.
func (r *readAhead) start(ctx context.Context) {
	for len(r.next) > 0 {
		select {
		case b := <-r.free:
			one, done := r.next[0], make(chan readPack, 1)
			r.next, r.begun = r.next[1:], append(r.begun, done)
			r.running.Go(func() {
				found, err := b.read(ctx, r.from, one, r.identities)
				done <- readPack{members: found, err: err, buffers: b}
			})
		default:
			return
		}
	}
}
