package cli

import (
	"strings"
	"testing"
)

func TestSpaceAdvice(t *testing.T) {
	t.Parallel()
	const gigabyte = 1_000_000_000
	for _, one := range []struct {
		name             string
		used, free, more int64 // more is on another disk
		known            bool
		want, not        string
	}{
		{name: "unknown", want: "cannot be known from here", not: "warning"},
		{name: "enough", known: true, free: 9 * gigabyte, want: "9 GB are free on the server's disk", not: "warning"},
		{name: "tight", known: true, free: 5 * gigabyte, want: "warning: that may not be enough"},
		{name: "too little", known: true, free: 1 * gigabyte, want: "warning: that will not be enough"},
		{name: "the target's own room counts", known: true, free: 4 * gigabyte, used: 4 * gigabyte, want: "4 GB are free", not: "warning"},
		{name: "two disks", known: true, free: 1 * gigabyte, more: 9 * gigabyte,
			want: "1 GB are free on the fuller one of the disks, 10 GB on both.\nwarning: that may not be enough"},
		{name: "two full disks", known: true, free: 1 * gigabyte, more: 2 * gigabyte, want: "warning: that will not be enough"},
	} {
		got := spaceAdvice(4*gigabyte, room{targets: "the target", used: one.used, free: one.free, sum: one.free + one.more, known: one.known})
		if !strings.Contains(got, one.want) || one.not != "" && strings.Contains(got, one.not) {
			t.Errorf("%s: %s", one.name, got)
		}
	}
}
