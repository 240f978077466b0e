package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/synapsedb/synapse/engine"
)

var errAgain, errFinal, errStop = errors.New("again"), errors.New("final"), errors.New("stop")

func TestRetry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcomes []error
		attempts int
		want     error
	}{
		"good at once":        {[]error{nil}, 1, nil},
		"good in the end":     {[]error{errAgain, errAgain, nil}, 3, nil},
		"another error":       {[]error{errAgain, errFinal}, 2, errFinal},
		"never good":          {[]error{errAgain, errAgain, errAgain, errAgain, errAgain}, engine.Attempts, errAgain},
		"good in the last go": {[]error{errAgain, errAgain, errAgain, errAgain, nil}, engine.Attempts, nil},
	} {
		attempts := 0
		err := engine.Retry(t.Context(), func(err error) bool { return errors.Is(err, errAgain) }, func() error {
			attempts++
			return test.outcomes[attempts-1]
		})
		if attempts != test.attempts || !errors.Is(err, test.want) {
			t.Errorf("%s: %d attempts, error %v", name, attempts, err)
		}
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	err := engine.Retry(ctx, func(error) bool { return true }, func() error {
		cancel(errStop)
		return errAgain
	})
	if !errors.Is(err, errAgain) || !errors.Is(err, errStop) {
		t.Error(err)
	}
}
