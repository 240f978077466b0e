package back_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/port/back"
)

// A disk that is full, in the preparation of the tables or while rows are copied.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	_, database := demoSource(t)
	for _, size := range []string{"600k", "2m"} {
		t.Run(size, func(t *testing.T) {
			place := t.TempDir()
			if err := syscall.Mount("none", place, "tmpfs", 0, "size="+size); err != nil {
				return // not root; the same failure at another place is TestFailuresOnTheWay
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(place, 0); err != nil {
					t.Error(err)
				}
			})
			_, _, err := moveBack(t, database, ours(t), func(options *back.Options) { options.Destination = filepath.Join(place, "new.db") })
			if !is[*back.UnmadeError](err) || !strings.Contains(err.Error(), "database or disk is full") || !strings.Contains(err.Error(), "make room, or name a file on another disk") {
				t.Errorf("%v", err)
			}
			if left := listing(t, place); len(left) > 0 {
				t.Errorf("there are %q", left)
			}
		})
	}
}
