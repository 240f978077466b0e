// Package filelock takes the system's locks on open files, which keep other processes, and other open files of this one, away. It never
// waits, and a lock ends with its file or its process. Begin with Try.
package filelock
