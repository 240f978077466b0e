// Package sequences checks that every PostgreSQL sequence of a homeserver is ahead of all ids that are taken, and moves those
// forward that are not. It never moves one back. Begin with Checks and Fixes.
package sequences
