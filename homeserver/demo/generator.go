package demo

import (
	"math/rand/v2"
	"strconv"
)

// beginning is when the first event was sent: 2025-01-01 UTC, in milliseconds.
const beginning = 1735689600000

// day in milliseconds.
const day = 24 * 60 * 60 * 1000

// master is the name of the only process of the demo's server.
const master = "master"

// generator thinks up the rows of a server.
type generator struct {
	*writer
	options Options
	random  *rand.Rand
	clock   int64 // now, in milliseconds
	json    []byte

	local  []*person
	remote []*person
	hosts  []string
	rooms  []*room

	events     int64 // how many were written
	order      int64 // stream_ordering of the newest event
	oldest     int64 // stream_ordering of the oldest backfilled event, or 0
	stateGroup int64
	chain      int64
	streams    map[string]int64 // the newest id of each stream
	bad        []BadValue
}

func newGenerator(w *writer, options Options) *generator {
	return &generator{
		writer: w, options: options, clock: beginning, order: 1,
		random:  rand.New(rand.NewPCG(uint64(options.Seed), 0x73796e61707365)),
		streams: map[string]int64{},
	}
}

// next gives the next id of a stream; the first one is 2.
func (g *generator) next(stream string) int64 {
	g.streams[stream] = max(g.streams[stream], 1) + 1
	return g.streams[stream]
}

// chance is true with a probability of percent in a hundred.
func (g *generator) chance(percent float64) bool { return g.random.Float64()*100 < percent }

func pick[T any](g *generator, from []T) T { return from[g.random.IntN(len(from))] }

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// token is random text of letters that occur in ids, keys and hashes.
func (g *generator) token(length int) string {
	text := make([]byte, 0, 96)
	for len(text) < length {
		for bits, i := g.random.Uint64(), 0; i < 10; i++ {
			text = append(text, alphabet[bits&63])
			bits >>= 6
		}
	}
	return string(text[:length])
}

// oneOf returns nil, false and true in turn.
func oneOf(i int) any { return []any{nil, false, true}[i%3] }

// emptyOrNull returns an empty text, NULL and the text in turn.
func emptyOrNull(i int, text string) any { return []any{"", nil, text}[i%3] }

func number(n int) string { return strconv.Itoa(n) }
