package homeserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/homeserver"
)

func TestCheckServerName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		user, serverName string
		want             []string // in the error; none: no error
	}{
		"no user":         {"", "example.com", nil},
		"the same":        {"@alice:example.com", "example.com", nil},
		"with a port":     {"@alice:example.com:8448", "example.com:8448", nil},
		"another":         {"@alice:example.com", "example.org", []string{`homeserver "example.com"`, `"@alice:example.com"`, `server_name is "example.org"`, "correct server_name"}},
		"another port":    {"@alice:example.com:8448", "example.com", []string{`homeserver "example.com:8448"`}},
		"none in its id":  {"alice", "example.com", []string{`"alice"`, "no server name"}},
		"none configured": {"@alice:example.com", "", []string{"give server_name"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := sqliteSession(t)
			if _, err := session.Exec(t.Context(), "CREATE TABLE users (name TEXT)"); err != nil {
				t.Fatal(err)
			}
			if test.user != "" {
				if _, err := session.Exec(t.Context(), "INSERT INTO users (name) VALUES (?)", test.user); err != nil {
					t.Fatal(err)
				}
			}
			err := homeserver.CheckServerName(t.Context(), session, test.serverName)
			if _, typed := errors.AsType[*homeserver.ServerNameError](err); typed != (len(test.want) > 0) || typed != (err != nil) {
				t.Fatalf("%T: %v", err, err)
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not in: %v", word, err)
				}
			}
		})
	}
}
