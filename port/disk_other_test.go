//go:build !linux

package port_test

// playDisk has a part on Linux only, where a process can have mounts of its own.
func playDisk() {}
