package connection_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// found runs the checks of this package, and gives IDs with severities.
func found(t *testing.T, subject *finding.Subject) (ids []string, all []finding.Finding) {
	t.Helper()
	for _, check := range connection.Checks() {
		findings, err := check.Run(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range findings {
			ids = append(ids, string(one.Severity)+" "+one.ID)
		}
		all = append(all, findings...)
	}
	slices.Sort(ids)
	return ids, all
}

// The session is one that works; what is judged is the configuration.
func TestConnectionsThatWouldHangOrBeReadAreFound(t *testing.T) {
	t.Parallel()
	_, session, _ := doctortest.Postgres(t)
	folder := t.TempDir()
	selfSigned(t, folder, "soon", 24*time.Hour)
	selfSigned(t, folder, "late", -time.Hour)
	slow, missing, unverified := "warning keepalives_slow", "info tcp_user_timeout_missing", "info sslmode_unverified"
	short := args{"keepalives_idle": 10, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 40000, "sslmode": "require"}
	for name, test := range map[string]struct {
		given args
		want  []string
	}{
		"the same machine":             {args{"host": "127.0.0.1"}, nil},
		"a socket":                     {args{"host": "/run/postgresql"}, nil},
		"another machine":              {args{"host": "192.0.2.1"}, []string{unverified, missing, slow}},
		"a tunnel":                     {args{"host": "db.example.org", "hostaddr": "127.0.0.1"}, nil},
		"as recommended":               {merge(short, args{"host": "192.0.2.1"}), nil},
		"none":                         {merge(short, args{"host": "192.0.2.1", "keepalives": 0}), []string{slow}},
		"long":                         {merge(short, args{"host": "192.0.2.1", "keepalives_idle": 600}), []string{slow}},
		"the second host is elsewhere": {merge(short, args{"host": "127.0.0.1,192.0.2.1", "sslmode": "prefer"}), []string{unverified}},
		"certificate, soon":            {args{"host": "127.0.0.1", "sslmode": "require", "sslcert": folder + "/soon.crt", "sslkey": folder + "/soon.key"}, []string{"warning client_certificate_expires"}},
		"certificate, late":            {args{"host": "127.0.0.1", "sslmode": "require", "sslcert": folder + "/late.crt", "sslkey": folder + "/late.key"}, []string{"error client_certificate_expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			subject := &finding.Subject{Label: "master", Engine: engine.Postgres, Session: session, Postgres: configOf(t, merge(test.given, args{"user": "u", "dbname": "d"}))}
			got, _ := found(t, subject)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func merge(all ...args) args {
	merged := args{}
	for _, one := range all {
		maps.Copy(merged, one)
	}
	return merged
}

func TestPoolsThatDoNotFitAreFound(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	doctortest.MustBeHealthy(t, options)
	admin := database.ConnectSuperuser(t)
	limit := func(of string) {
		if _, err := admin.Exec(t.Context(), "ALTER "+of); err != nil {
			t.Fatal(err)
		}
	}
	subject := &finding.Subject{Label: "master", Engine: engine.Postgres, Session: session, Postgres: options.Databases[0].Postgres}
	subject.Postgres.PoolMax = 5
	for _, test := range []struct {
		change string
		want   []string
		text   string
	}{
		{"ROLE " + database.Owner + " CONNECTION LIMIT 4", []string{"warning pool_too_large"}, "CONNECTION LIMIT of the role: 4"},
		{"ROLE " + database.Owner + " CONNECTION LIMIT 12", []string{"info few_processes"}, "2 processes"},
		{"ROLE " + database.Owner + " CONNECTION LIMIT -1", nil, ""},
		{"DATABASE " + database.Name + " CONNECTION LIMIT 3", []string{"warning pool_too_large"}, "CONNECTION LIMIT of the database: 3"},
		{"DATABASE " + database.Name + " CONNECTION LIMIT -1", nil, ""},
	} {
		limit(test.change)
		got, all := found(t, subject)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.change, diff)
		}
		for _, one := range all {
			if !strings.Contains(one.What+strings.Join(one.Evidence, " "), test.text) {
				t.Errorf("%+v", one)
			}
			if len(one.Remedy.Commands) != 1 {
				t.Errorf("%+v", one.Remedy)
			}
		}
	}
	other := &finding.Subject{Label: "state", Engine: engine.Postgres, Postgres: subject.Postgres}
	subject.Others = []*finding.Subject{other}
	limit("ROLE " + database.Owner + " CONNECTION LIMIT 9")
	if got, _ := found(t, subject); !slices.Equal(got, []string{"warning pool_too_large"}) {
		t.Errorf("two pools of 5, and room for 9: %v", got)
	}
}

func TestConnectionsThatAreNearlyUsedUpAreFound(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"max_connections": "10", "superuser_reserved_connections": "3", "max_wal_senders": "0"})
	p.exec(t, "CREATE ROLE ordinary LOGIN", "CREATE ROLE other LOGIN")
	config := configOf(t, p.socket("ordinary", nil))
	config.PoolMin, config.PoolMax = 1, 1
	for range 4 {
		connection, err := configOf(t, p.socket("other", nil)).Connect(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close(context.Background()) })
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	subject := &finding.Subject{Label: "master", Engine: engine.Postgres, Session: session, Postgres: config}
	ids, all := found(t, subject)
	if diff := cmp.Diff([]string{"warning connections_nearly_used"}, ids); diff != "" {
		t.Fatal(diff)
	}
	want := []string{"max_connections 10, of which 3 are reserved", "4 connections of other to postgres", "1 connections of ordinary to postgres", "1 connections of postgres to postgres"}
	if diff := cmp.Diff(want, all[0].Evidence); diff != "" {
		t.Error(diff)
	}
}
