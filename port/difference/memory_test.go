package difference_test

import (
	"runtime"

	"github.com/zeebo/xxh3"
)

// liveMemory is what is reachable on the heap, in bytes.
func liveMemory() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// hashOf spreads numbers as a hash would.
func hashOf(number int) xxh3.Uint128 {
	mix := func(x uint64) uint64 { // the finalizer of splitmix64
		x ^= x >> 30
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 27
		x *= 0x94d049bb133111eb
		return x ^ x>>31
	}
	return xxh3.Uint128{Hi: mix(uint64(number) + 0x9e3779b97f4a7c15), Lo: mix(uint64(number)*3 + 12345)}
}
