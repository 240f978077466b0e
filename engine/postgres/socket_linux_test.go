package postgres_test

import (
	"maps"
	"net"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// socketOptions reads the options back from a live connection.
func socketOptions(t *testing.T, connection net.Conn, options map[string][2]int) map[string]int {
	t.Helper()
	raw, err := connection.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	err = raw.Control(func(descriptor uintptr) {
		for name, option := range options {
			value, err := unix.GetsockoptInt(int(descriptor), option[0], option[1])
			if err != nil {
				t.Error(err)
			}
			values[name] = value
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestSocketOptionsReachTheSocket(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	options := map[string][2]int{
		"keepalives":       {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
		"idle":             {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		"interval":         {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL},
		"count":            {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
		"tcp_user_timeout": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT},
	}
	untouched := systemDefaults(t, options)
	for name, test := range map[string]struct {
		args args
		want map[string]int
	}{
		"libpq's defaults": {nil, map[string]int{"keepalives": 1}},
		"zero is the system's": {
			args{"keepalives_idle": 0, "keepalives_interval": 0, "keepalives_count": 0, "tcp_user_timeout": 0},
			map[string]int{"keepalives": 1},
		},
		"all": {
			args{"keepalives": 1, "keepalives_idle": 11, "keepalives_interval": 12, "keepalives_count": 4, "tcp_user_timeout": 12345},
			map[string]int{"keepalives": 1, "idle": 11, "interval": 12, "count": 4, "tcp_user_timeout": 12345},
		},
		"only one":  {args{"keepalives_interval": 7}, map[string]int{"keepalives": 1, "interval": 7}},
		"off":       {args{"keepalives": 0, "keepalives_idle": 9}, map[string]int{"keepalives": 0}},
		"with text": {args{"keepalives": "1", "tcp_user_timeout": "1000"}, map[string]int{"keepalives": 1, "tcp_user_timeout": 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[string]int{}
			maps.Copy(want, untouched)
			maps.Copy(want, test.want)
			config := configOf(t, database, overTCP(t, test.args))
			connection := connect(t, config, nil)
			if diff := cmp.Diff(want, socketOptions(t, connection.PgConn().Conn(), options)); diff != "" {
				t.Error(diff)
			}
			pooled, err := open(t, config).Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer pooled.Release()
			if diff := cmp.Diff(want, socketOptions(t, pooled.Conn().PgConn().Conn(), options)); diff != "" {
				t.Error("pool: " + diff)
			}
		})
	}
}

// systemDefaults reads the options of a socket that nobody has touched.
func systemDefaults(t *testing.T, options map[string][2]int) map[string]int {
	t.Helper()
	descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(descriptor) }()
	values := map[string]int{}
	for name, option := range options {
		if values[name], err = unix.GetsockoptInt(descriptor, option[0], option[1]); err != nil {
			t.Fatal(err)
		}
	}
	return values
}
