// Package dbtest gives tests real databases: one private server per test binary, a fresh database per test, and the
// collection of real homeserver databases where it is present. It never imitates a server and never leaves anything
// behind. Begin with a TestMain that calls Main, then Postgres or NewDatabase in the tests.
package dbtest
