// Package doctortest gives tests of checks real databases of a homeserver that are healthy, to be broken, and finds what is
// found in them. Begin with Postgres or SQLite, then Findings.
package doctortest
