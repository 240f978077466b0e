package connection_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// serve runs the loop of a stand-in for a server, which ends when its listener is closed, at the end of the test.
func serve(t *testing.T, listener io.Closer, loop func()) {
	t.Helper()
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(loop)
}

// answering answers one client after the other. It returns its port.
func answering(t *testing.T, answer func(client net.Conn) error) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if err := errors.Join(answer(client), client.Close()); err != nil {
				t.Error(err)
			}
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}
