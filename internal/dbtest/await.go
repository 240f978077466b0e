package dbtest

import (
	"testing"
	"time"
)

// awaitEvery is how often Await looks: often enough to see what lasts for some milliseconds only, and seldom enough to
// leave the processor to what it waits for.
const awaitEvery = 2 * time.Millisecond

// Await returns when a condition holds, and fails the test if the test ends before.
func Await(t testing.TB, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
		}
	}
}

// AwaitNoSessions returns when nobody is connected to a database of the shared server, which notices the end of a connection
// a little later than its client.
func AwaitNoSessions(t testing.TB, database string) {
	t.Helper()
	connection, err := Postgres(t).Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	const query = `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend')`
	Await(t, func() (ended bool) {
		if err := connection.QueryRow(t.Context(), query, database).Scan(&ended); err != nil {
			t.Fatal(err)
		}
		return ended
	})
}
