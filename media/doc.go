// Package media knows how a homeserver's media store lies on the disk: its folders, the path of each file, the files that are
// there, and those that the rows of a database name. It never changes a file, follows no symbolic link below the store, and makes no path that leads out of it.
// Begin with Kinds, Walk and Named.
package media
