// Package config reads the Python homeserver's configuration (homeserver.yaml
// and the files beside it) as far as this project needs it: strictly where it
// is about databases, not at all elsewhere. It never prints, never writes a
// file, and never repeats a value in an error, since any value may be a
// password. Begin with Load.
package config
