// Package mediafiles compares the rows of a homeserver's media with the files of its media store. It never opens a file, follows no
// symbolic link below the store, and changes nothing. Begin with Checks.
package mediafiles
