package postgres

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestMostTellingCauseIsExplained(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp6", Err: syscall.ECONNREFUSED}
	unknown := &net.DNSError{Err: "no such host", Name: "h"}
	untrusted := errors.New("tls error: unknown authority")
	withoutTLS := errors.New("tls error: " + noTLS)
	password := &pgconn.PgError{Code: "28P01", Message: "wrong password"}
	login := errors.New("authentication method requirement failed")
	hint := map[string]string{"TLS": "check sslmode", "network": "check host and port", "name": "the name cannot be looked up", "password": "check user and password"}
	for name, test := range map[string]struct {
		causes  []error
		summary string
		hint    string // its beginning, or a part; empty for none
	}{
		"certificate, then refused": {[]error{untrusted, refused}, "tls error: unknown authority; dial tcp6: connection refused", hint["TLS"]},
		"refused, then certificate": {[]error{refused, untrusted}, "tls error: unknown authority; dial tcp6: connection refused", hint["TLS"]},
		"no TLS, then refused":      {[]error{withoutTLS, refused}, "tls error: server refused TLS connection; dial tcp6: connection refused", hint["TLS"]},
		"no TLS, then an answer":    {[]error{withoutTLS, password, refused}, "wrong password (SQLSTATE 28P01); dial tcp6: connection refused", hint["password"]},
		"lookup, then an answer":    {[]error{unknown, password}, "wrong password (SQLSTATE 28P01); lookup h: no such host", hint["password"]},
		"login, then refused":       {[]error{login, refused}, "authentication method requirement failed; dial tcp6: connection refused", ""},
		"refused twice":             {[]error{refused, refused}, "dial tcp6: connection refused", hint["network"]},
		"only lookup":               {[]error{unknown}, "lookup h: no such host", hint["name"]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			joined := make([]error, len(test.causes))
			for i, cause := range test.causes {
				joined[i] = fmt.Errorf("%w", cause)
			}
			err := errors.Join(joined...)
			config, _, parseErr := ParseArgs(map[string]any{"host": "h", "user": "u"})
			if parseErr != nil {
				t.Fatal(parseErr)
			}
			if got := summary(err); got != test.summary {
				t.Errorf("summary %q, want %q", got, test.summary)
			}
			if got := config.connectHint(err); !strings.Contains(got, test.hint) || (got == "") != (test.hint == "") {
				t.Errorf("hint %q, want %q", got, test.hint)
			}
		})
	}
}
