// Package updates checks what a homeserver's databases still have to be done by background updates: what is pending and who can
// run it, what has failed, what nobody knows, what waits for itself. It never runs one. Begin with Checks.
package updates
