//go:build !linux

package file

// fileSystem is known on Linux only.
func fileSystem(string) (name string, network bool) { return "", false }
