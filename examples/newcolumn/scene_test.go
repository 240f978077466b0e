package main

import (
	"io"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// releases are all of them, in their order.
func releases() []release {
	return []release{releaseN(), releaseN1(), releaseN2(), releaseN3(), releaseN4(), releaseN5()}
}

// newDatabase makes an empty database.
func newDatabase(t *testing.T, kind engine.Kind) opener {
	t.Helper()
	return anyengine.New(t, kind).Open
}

// onEveryEngine runs a test on each engine, which begins stories as it needs them.
func onEveryEngine(t *testing.T, test func(t *testing.T, begin func() *story)) {
	t.Helper()
	for _, kind := range anyengine.Engines() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, func() *story { return &story{out: io.Discard, open: newDatabase(t, kind)} })
		})
	}
}

func (o opener) session(t *testing.T) engine.Session {
	t.Helper()
	session, err := o(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

// mustStart starts releases one after the other; each checks all values that those before it have written, and N+2 runs
// the updates that it enqueues.
func (s *story) mustStart(t *testing.T, all ...release) {
	t.Helper()
	for _, r := range all {
		batches := 0
		if r.version == releaseN2().version {
			batches = allBatches
		}
		if err := s.start(t.Context(), r, batches); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
	}
}

// mustEnd brings a database to the last release, and looks at every row without the help of any code of a release.
func (s *story) mustEnd(t *testing.T) {
	t.Helper()
	s.runRequired = true
	s.mustStart(t, releaseN5())
	session := s.open.session(t)
	state, err := schema.ReadState(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	if state.Version != 15 || *state.CompatVersion != 14 || len(state.Updates) > 0 {
		t.Errorf("version %d, compat version %d, updates %v", state.Version, *state.CompatVersion, state.Updates)
	}
	rows := 0
	err = engine.Each(t.Context(), session, "SELECT item_id, new_column FROM items", nil, func(scan func(...any) error) error {
		var item, stored int64
		if err := scan(&item, &stored); err != nil {
			return err
		}
		if rows++; stored != s.values[item]*100 {
			t.Errorf("item %d is %d, and was written as %d", item, stored, s.values[item])
		}
		return nil
	})
	if err != nil || rows != len(s.values) {
		t.Errorf("%d rows, %d were written, %v", rows, len(s.values), err)
	}
}
