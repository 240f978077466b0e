package dbtest

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

// A Check looks at the test binary after its last test; an error makes the binary fail.
type Check func() error

// NoLeaks is the Check that no goroutine is left, apart from those the options allow.
func NoLeaks(options ...goleak.Option) Check {
	return func() error { return goleak.Find(options...) }
}

// mainRuns is true while Main is in charge, so that whatever is shared will be cleaned up.
var mainRuns atomic.Bool

// Main runs a package's tests, stops what they shared, makes the checks and exits. A package calls it from TestMain:
//
//	func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }
func Main(m *testing.M, checks ...Check) {
	mainRuns.Store(true)
	code := m.Run()
	errs := []error{removeTemplates(), sharedServer.stop(), sharedMySQL.stop(), sharedS3.stop(), sharedMosquitto.stop(), sharedData.remove()}
	for _, check := range checks {
		errs = append(errs, check())
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "after the tests:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// needMain ends a test of a package that has no TestMain with Main.
func needMain(t testing.TB) {
	t.Helper()
	if !mainRuns.Load() {
		t.Fatal("this package shares a server or files between its tests: " +
			"add `func TestMain(m *testing.M) { dbtest.Main(m) }` so that they are cleaned up")
	}
}
