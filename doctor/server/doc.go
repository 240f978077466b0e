// Package server checks a PostgreSQL server and one of its databases: version, locale, settings that lose data, ages of
// transaction ids, replication slots, vacuuming, indexes and constraints. It never changes anything but invalid indexes, when
// their fix is applied. Begin with Checks and Fixes.
package server
