// Package dbtest gives tests real databases: one private server of each engine per test binary, a fresh database per
// test, and the collection of real homeserver databases where it is present. It never imitates a server and never leaves
// anything behind. Begin with a TestMain that calls Main, then NewDatabase or NewMySQLDatabase in the tests.
package dbtest
