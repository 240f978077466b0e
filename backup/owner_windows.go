package backup

import "io/fs"

// owners are not numbers here.
func owners(fs.FileInfo) (owner, group int) { return -1, -1 }

// isPrivate: rights are inherited from the folder above, which is the user's own.
func isPrivate(fs.FileInfo) bool { return true }
