package file

import "golang.org/x/sys/unix"

// fileSystem names a file system of a network, or one that may be. The name is empty for all others.
func fileSystem(path string) (name string, network bool) {
	var status unix.Statfs_t
	if err := unix.Statfs(path, &status); err != nil {
		return "", false
	}
	return nameOf(uint32(status.Type)) // it has other types on other systems
}

// nameOf takes the number of statfs(2).
func nameOf(kind uint32) (name string, network bool) {
	networks := map[uint32]string{
		unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS",
		unix.AFS_SUPER_MAGIC: "AFS", unix.AFS_FS_MAGIC: "AFS", unix.CEPH_SUPER_MAGIC: "Ceph", unix.CODA_SUPER_MAGIC: "Coda",
		unix.V9FS_MAGIC: "9P",
	}
	if name, network = networks[kind]; network {
		return name, true
	}
	if kind == unix.FUSE_SUPER_MAGIC {
		return "FUSE", false
	}
	return "", false
}
