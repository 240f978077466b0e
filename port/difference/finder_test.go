package difference_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/difference"
)

func TestMain(m *testing.M) {
	playProcess()
	dbtest.Main(m, dbtest.NoLeaks())
}

// row is one row of a side; its place is its number among the rows of both.
type row struct {
	target bool
	hash   xxh3.Uint128
}

// surplus is what a finder is to find: by hash, how many rows the source has more than the target.
func surplus(rows []row) map[xxh3.Uint128]int {
	left := map[xxh3.Uint128]int{}
	for _, r := range rows {
		if r.target {
			left[r.hash]--
		} else {
			left[r.hash]++
		}
		if left[r.hash] == 0 {
			delete(left, r.hash)
		}
	}
	return left
}

// find gives the rows to a finder in batches of changing size, and returns what it finds. A place is the number of a row.
func find(t testing.TB, options difference.Options, rows []row) map[xxh3.Uint128]int {
	t.Helper()
	finder := difference.New(options)
	for begin := 0; begin < len(rows); {
		end, give := begin, finder.Source
		if rows[begin].target {
			give = finder.Target
		}
		var batch []difference.Entry
		for ; end < len(rows) && rows[end].target == rows[begin].target && len(batch) < 1+begin%100; end++ {
			batch = append(batch, difference.Entry{Hash: rows[end].hash, At: int64(end)})
		}
		if err := give(batch); err != nil {
			t.Fatal(err)
		}
		begin = end
	}
	result, err := finder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, result.Close)
	found := map[xxh3.Uint128]int{}
	onlySource := places(t, result.EachSource)
	onlyTarget := places(t, result.EachTarget)
	if int64(len(onlySource)) != result.OnlySource || int64(len(onlyTarget)) != result.OnlyTarget {
		t.Errorf("%d and %d places, but counted %d and %d", len(onlySource), len(onlyTarget), result.OnlySource, result.OnlyTarget)
	}
	for _, at := range onlySource {
		check(t, !rows[at].target, "place %d is not the source's", at)
		found[rows[at].hash]++
	}
	for _, at := range onlyTarget {
		check(t, rows[at].target, "place %d is not the target's", at)
		found[rows[at].hash]--
	}
	return found
}

func check(t testing.TB, right bool, format string, values ...any) {
	t.Helper()
	if !right {
		t.Errorf(format, values...)
	}
}

func mustClose(t testing.TB, closeIt func() error) {
	t.Helper()
	if err := closeIt(); err != nil {
		t.Error(err)
	}
}

// places reads a side of a result twice, and checks its order.
func places(t testing.TB, each func(func(int64) error) error) []int64 {
	t.Helper()
	var readings [2][]int64
	for i := range readings {
		if err := each(func(at int64) error {
			readings[i] = append(readings[i], at)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	check(t, slices.Equal(readings[0], readings[1]), "a second reading gave other places")
	for i, at := range readings[0] {
		check(t, i == 0 || readings[0][i-1] < at, "place %d is not in order, or there twice", at)
	}
	return readings[0]
}

// FuzzFinder compares with a map. Each byte of the script is a row: its hash of a few bits, in either half, and its side.
func FuzzFinder(f *testing.F) {
	f.Add([]byte("a row or two of each side"), uint16(0))
	f.Add([]byte{1, 129, 1, 129, 1, 1, 1}, uint16(64))
	f.Add(slices.Repeat([]byte{7, 7, 9}, 200), uint16(700))
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, script []byte, limit uint16) {
		rows := make([]row, len(script))
		for i, b := range script {
			rows[i] = row{target: b&128 != 0, hash: xxh3.Uint128{Hi: uint64(b&7) << (b & 32), Lo: uint64(b&24) << (b & 64)}}
		}
		found := find(t, difference.Options{MemoryLimit: int64(limit) + 1, TempDir: folder}, rows)
		if diff := cmp.Diff(surplus(rows), found); diff != "" {
			t.Error(diff)
		}
	})
}

// Random multisets in random order, with limits from a few rows to all of them.
func TestFindsWhatAMapFinds(t *testing.T) {
	t.Parallel()
	for round := range dbtest.Rounds(t, 20) {
		random := rand.New(rand.NewPCG(5, uint64(round)))
		rows := make([]row, random.IntN(6000))
		distinct := 1 + random.IntN(8000)
		mixed := random.IntN(3) // one side after the other, at random, or mostly the source
		for i := range rows {
			rows[i].hash = hashOf(random.IntN(distinct))
			switch mixed {
			case 0:
				rows[i].target = i > len(rows)/2
			case 1:
				rows[i].target = random.IntN(2) == 0
			default:
				rows[i].target = random.IntN(10) == 0
			}
		}
		options := difference.Options{MemoryLimit: 1 << random.IntN(20), TempDir: t.TempDir()}
		if diff := cmp.Diff(surplus(rows), find(t, options, rows)); diff != "" {
			t.Fatalf("round %d, limit %d: %s", round, options.MemoryLimit, diff)
		}
	}
}

// Rows that no bits tell apart, or only the last ones, must neither recur without end nor be searched one by one.
func TestEqualAndNearlyEqualHashes(t *testing.T) {
	t.Parallel()
	const rowsOfEach = 20_000
	for name, hash := range map[string]func(int) xxh3.Uint128{
		"all equal":          func(int) xxh3.Uint128 { return xxh3.Uint128{Hi: 1, Lo: 2} },
		"the last bit":       func(i int) xxh3.Uint128 { return xxh3.Uint128{Lo: uint64(i & 1)} },
		"the first bit":      func(i int) xxh3.Uint128 { return xxh3.Uint128{Hi: uint64(i) << 63} },
		"around the middle":  func(i int) xxh3.Uint128 { return xxh3.Uint128{Hi: uint64(i & 3), Lo: uint64(i&12) << 60} },
		"one hash is common": func(i int) xxh3.Uint128 { return xxh3.Uint128{Hi: uint64(max(i-rowsOfEach*9/10, 0))} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rows []row
			for i := range rowsOfEach {
				rows = append(rows, row{hash: hash(i)})
			}
			for i := range rowsOfEach - 10 {
				rows = append(rows, row{hash: hash(i + 3), target: true})
			}
			options := difference.Options{MemoryLimit: 4096, TempDir: t.TempDir()}
			if diff := cmp.Diff(surplus(rows), find(t, options, rows)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 1000, 1 << 20} {
		finder := difference.New(difference.Options{MemoryLimit: limit, TempDir: t.TempDir()})
		const most = 20_000
		var want []int64
		for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(most) {
			at := int64(i-most/2) << 40 // rowids may be negative
			want = append(want, at)
			if err := finder.Source([]difference.Entry{{Hash: xxh3.Uint128{Lo: uint64(i)}, At: at}}); err != nil {
				t.Fatal(err)
			}
		}
		result, err := finder.Finish()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if !slices.Equal(want, places(t, result.EachSource)) {
			t.Errorf("limit %d: wrong places", limit)
		}
		stop := errors.New("enough")
		check(t, errors.Is(result.EachSource(func(int64) error { return stop }), stop), "the visitor's error was lost")
		check(t, len(places(t, result.EachTarget)) == 0, "there is no row of the target")
		mustClose(t, result.Close)
		mustClose(t, result.Close)
	}
}

// Both sides at once, in the same order: nothing is spilled, and what differs is found.
func TestTwoGoroutinesInTheSameOrder(t *testing.T) {
	t.Parallel()
	const rows = 200_000
	finder := difference.New(difference.Options{TempDir: filepath.Join(t.TempDir(), "is not needed")})
	var both sync.WaitGroup
	for name, give := range map[string]func([]difference.Entry) error{"source": finder.Source, "target": finder.Target} {
		both.Go(func() {
			for begin := 0; begin < rows; begin += 1000 {
				batch := numbered(begin, begin+1000)
				if begin == 7000 {
					batch[13].Hash = xxh3.HashString128(name)
				}
				if err := give(batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	result, err := finder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, result.Close)
	got := [][]int64{places(t, result.EachSource), places(t, result.EachTarget), {result.SpilledBytes}}
	if diff := cmp.Diff([][]int64{{7013}, {7013}, {0}}, got); diff != "" {
		t.Error(diff)
	}
}

// numbered returns rows that are told apart by their place.
func numbered(begin, end int) []difference.Entry {
	entries := make([]difference.Entry, 0, end-begin)
	for at := begin; at < end; at++ {
		entries = append(entries, difference.Entry{Hash: xxh3.HashString128Seed(fmt.Sprint(at), 1), At: int64(at)})
	}
	return entries
}

func TestClosedFinderTakesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	finder := difference.New(difference.Options{MemoryLimit: 1, TempDir: folder})
	if err := finder.Source(numbered(0, 1000)); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("the temporary files have names: %v, %v", left, err)
	}
	mustClose(t, finder.Close)
	mustClose(t, finder.Close)
	_, err := finder.Finish()
	for _, err := range []error{err, finder.Source(nil), finder.Target(numbered(0, 1))} {
		check(t, errors.Is(err, difference.ErrFinished), "%v", err)
	}
}

// Rows that do not meet early need no more memory than said: ten million in the full form.
func TestMemoryStaysUnderItsLimit(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	const batch, constant = 50_000, 1 << 20
	millions := int64(min(max(dbtest.Rounds(t, 2), 2), 10)) // with fewer nothing is spilled
	for limit, rows := range map[int64]int64{32 << 20: millions * 1_000_000, 2 << 20: 1_000_000} {
		entries := make([]difference.Entry, batch)
		before := liveMemory()
		finder := difference.New(difference.Options{MemoryLimit: limit, TempDir: t.TempDir()})
		var peak int64
		measure := func() { peak = max(peak, liveMemory()-before) }
		for begin := 0; begin < int(rows/2); begin += batch {
			// Rows of the target come in the opposite order; every hundredth is an other one.
			for i := range entries {
				entries[i] = difference.Entry{Hash: hashOf(begin + i), At: int64(begin + i)}
			}
			err := finder.Source(entries)
			for i := range entries {
				at := int(rows/2) - 1 - begin - i
				entries[i] = difference.Entry{Hash: hashOf(at - at%100/99*int(rows)), At: int64(at)}
			}
			if err = errors.Join(err, finder.Target(entries)); err != nil {
				t.Fatal(err)
			}
			if begin/batch%4 == 0 {
				measure()
			}
		}
		result, err := finder.Finish()
		if err != nil {
			t.Fatal(err)
		}
		measure()
		var seen int64
		if err := result.EachTarget(func(int64) error {
			if seen++; seen%20_000 == 0 {
				measure()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if seen != rows/2/100 || result.OnlySource != rows/2/100 || result.SpilledBytes == 0 {
			t.Errorf("found %d and %d, spilled %d bytes", seen, result.OnlySource, result.SpilledBytes)
		}
		if peak > limit+constant {
			t.Errorf("took %d bytes where %d are the limit", peak, limit)
		}
		t.Logf("limit %d, peak %d, spilled %d", limit, peak, result.SpilledBytes)
		mustClose(t, result.Close)
	}
}
