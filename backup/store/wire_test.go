package store

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestConnectionThatMovesNothingEnds(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	w := &wire{Conn: near, silence: time.Millisecond}
	if _, err := w.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing comes: %v", err)
	}
	if n, err := w.Write(make([]byte, 1<<20)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing is taken: %d, %v", n, err)
	}
}
