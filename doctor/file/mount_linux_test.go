package file

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileSystemsOfNetworksAreKnown(t *testing.T) {
	t.Parallel()
	for kind, want := range map[uint32]struct {
		name    string
		network bool
	}{
		unix.NFS_SUPER_MAGIC: {"NFS", true}, unix.CIFS_SUPER_MAGIC: {"CIFS", true}, unix.FUSE_SUPER_MAGIC: {"FUSE", false}, unix.EXT4_SUPER_MAGIC: {"", false},
	} {
		if name, network := nameOf(kind); name != want.name || network != want.network {
			t.Errorf("%x is %q, %v", kind, name, network)
		}
	}
	if name, _ := fileSystem("/proc/self/status"); name != "" {
		t.Errorf("/proc is %s", name)
	}
}
