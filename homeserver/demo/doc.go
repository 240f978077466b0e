// Package demo makes databases of a homeserver that does not exist, of any size, for
// trying and testing what this project does; docs/demo.md describes them. It never
// writes to a file that is already there, and never reads a real database.
// Begin with Generate.
package demo
