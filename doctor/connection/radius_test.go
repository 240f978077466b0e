package connection_test

import (
	"crypto/md5"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/engine/postgres"
)

// refusingRADIUS is a server of that protocol (RFC 2865) that lets nobody in. It returns its port.
func refusingRADIUS(t *testing.T, shared string) int {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, func() {
		request := make([]byte, 4096)
		for {
			length, from, err := listener.ReadFrom(request)
			if err != nil {
				return
			}
			if length < 20 {
				continue
			}
			const reject, size = 3, 20
			answer := []byte{reject, request[1], 0, size}
			sum := md5.Sum(append(append(append([]byte{}, answer...), request[4:20]...), shared...))
			if _, err := listener.WriteTo(append(answer, sum[:]...), from); err != nil {
				return
			}
		}
	})
	return listener.LocalAddr().(*net.UDPAddr).Port
}

// What pg_hba.conf leaves to somebody else may say no.
func TestALoginThatAnotherServerRefusesIsExplainedAndOvercome(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.exec(t, "CREATE ROLE ordinary LOGIN PASSWORD '"+secret+"'")
	port := refusingRADIUS(t, "shared")
	p.write(t, p.text(t, "SHOW hba_file"), ownLines+fmt.Sprintf("host all all 127.0.0.1/32 radius radiusservers=127.0.0.1 radiussecrets=shared radiusports=%d\n", port))
	given := p.tcp("ordinary", nil)
	found := mustFind(t, given, connection.ID(postgres.FailedLogin))
	if !strings.Contains(found.Evidence[1], "RADIUS") || !strings.Contains(found.Remedy.Text, "`host  postgres  ordinary  127.0.0.1/32  scram-sha-256`") {
		t.Errorf("%+v", found)
	}
	p.follow(t, found.Remedy)
	mustConnect(t, given)
}
