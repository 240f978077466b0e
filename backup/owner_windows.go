package backup

import "io/fs"

// owners are not numbers here.
func owners(fs.FileInfo) (owner, group int) { return -1, -1 }
