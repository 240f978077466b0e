package postgres_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/postgres"
)

type args = map[string]any

func TestArgumentsSayWhereToConnect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args args
		want string
	}{
		"plain":             {args{"user": "u", "host": "h", "dbname": "d", "port": 5433}, "u@h:5433/d"},
		"psycopg2's name":   {args{"user": "u", "host": "h", "database": "d"}, "u@h:5432/d"},
		"both names, equal": {args{"user": "u", "host": "h", "database": "d", "dbname": "d"}, "u@h:5432/d"},
		"null is not given": {args{"user": "u", "host": "h", "dbname": "d", "database": nil, "sslmode": nil}, "u@h:5432/d"},
		"user's database":   {args{"user": "u", "host": "h"}, "u@h:5432/u"},
		"port as text":      {args{"user": "u", "host": "h", "port": "5434"}, "u@h:5434/u"},
		"several hosts":     {args{"user": "u", "host": "a,b", "port": 6000}, "u@a:6000,b:6000/u"},
		"ports for hosts":   {args{"user": "u", "host": "a,b,c", "port": "6000,,6002"}, "u@a:6000,b:5432,c:6002/u"},
		"socket directory":  {args{"user": "u", "host": "/run/pg"}, "u@/run/pg:5432/u"},
		"abstract socket":   {args{"user": "u", "host": "@pg"}, "u@@pg:5432/u"},
		"IPv6":              {args{"user": "u", "host": "::1"}, "u@[::1]:5432/u"},
		"address only":      {args{"user": "u", "hostaddr": "192.0.2.1"}, "u@192.0.2.1:5432/u"},
		"address and name":  {args{"user": "u", "hostaddr": "192.0.2.1", "host": "db"}, "u@db:5432/u"},
		"number as user":    {args{"user": 42, "host": "h"}, "42@h:5432/42"},
		"quotes":            {args{"user": `u' \x`, "host": "h", "dbname": `d'"\ host=evil`}, `u' \x@h:5432/d'"\ host=evil`},
		"dsn":               {args{"dsn": `host = h user='u \' v' dbname=d\ e`}, "u ' v@h:5432/d e"},
		"dsn, overridden":   {args{"dsn": "host=h user=u dbname=d", "dbname": "e"}, "u@h:5432/e"},
		"URI":               {args{"dsn": "postgresql://u:p%40w@h:5433/d%20e?application_name=x&ssl=true"}, "u@h:5433/d e"},
		"URI, several":      {args{"dsn": "postgres://u@a:1,[::1]:2,c/d"}, "u@a:1,[::1]:2,c:5432/d"},
		"URI, socket":       {args{"dsn": "postgres://u@%2Frun%2Fpg/d"}, "u@/run/pg:5432/d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, _, err := postgres.ParseArgs(test.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, config.Describe()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args args
		want string
	}{
		"unknown key":           {args{"prot": 1}, "unknown key prot; did you mean port?"},
		"unknown, nothing near": {args{"zebra_stripes": 1}, "unknown key zebra_stripes"},
		"no key at all":         {args{"password:x": nil, "password:y": 1}, "unknown key (its text is no key's name and is not shown); did you mean password?"},
		"driver's own key":      {args{"krbspn": "x"}, "unknown key krbspn"},
		"pool key of pgx":       {args{"pool_max_conns": 3}, "unknown key pool_max_conns"},
		"two databases":         {args{"dbname": "a", "database": "b"}, "dbname and database: two names for one key, given with different values; keep one of them"},
		"port range":            {args{"port": 0}, "port: out of range; allowed: 1 to 65535, comma separated"},
		"port text":             {args{"port": "a"}, "port: not an integer; allowed: 1 to 65535, comma separated"},
		"ports and hosts":       {args{"host": "a,b", "port": "1,2,3"}, "port and host: the lists differ in length; give one port, or one for each host"},
		"addresses and hosts":   {args{"host": "a,b", "hostaddr": "::1"}, "hostaddr and host: the lists differ in length; give one address for each host"},
		"address":               {args{"hostaddr": "db"}, "hostaddr: not a numeric address; allowed: IP addresses, comma separated"},
		"list as value":         {args{"host": []any{"a"}}, "host: neither text nor a number; allowed: text"},
		"fraction":              {args{"port": 1.5}, "port: a number with a fraction; write text in quotes; allowed: 1 to 65535, comma separated"},
		"NUL":                   {args{"user": "a\x00b"}, "user: holds a NUL byte; allowed: text"},
		"sslmode":               {args{"sslmode": "on"}, "sslmode: none of the values it takes; allowed: disable, allow, prefer, require, verify-ca, verify-full"},
		"verify nothing":        {args{"host": "h", "sslmode": "verify-full", "sslrootcert": ""}, "sslmode and sslrootcert: there is no certificate to verify the server's against; give sslrootcert a file, or system with verify-full"},
		"system, weakly":        {args{"host": "h", "sslmode": "require", "sslrootcert": "system"}, "sslmode and sslrootcert: the system's certificates need the server's name verified; set sslmode to verify-full"},
		"direct, weakly":        {args{"host": "h", "sslmode": "prefer", "sslnegotiation": "direct"}, "sslmode and sslnegotiation: direct TLS needs a mode that insists on TLS; set sslmode to require or stronger"},
		"TLS versions":          {args{"ssl_max_protocol_version": "TLSv1.1"}, "ssl_min_protocol_version and ssl_max_protocol_version: the lowest version (TLSv1.2 unless given) is above the highest"},
		"no certificates":       {args{"host": "h", "sslrootcert": "/nonexistent/root.crt"}, "sslrootcert: cannot be read: no such file or directory"},
		"half a certificate":    {args{"host": "h", "sslkey": "/nonexistent/x.key"}, "sslkey and sslcert: a certificate needs its key; give sslcert too"},
		"encoding":              {args{"client_encoding": "LATIN1"}, "client_encoding: not UTF-8; allowed: UTF8, auto"},
		"encoding in options":   {args{"options": "-c client_encoding=latin1"}, "options: an option is not understood; allowed: -c name=value, --name=value; not client_encoding"},
		"strange options":       {args{"options": "-e"}, "options: an option is not understood; allowed: -c name=value, --name=value; not client_encoding"},
		"keepalives":            {args{"keepalives_idle": 40000}, "keepalives_idle: out of range; allowed: 0 to 32767"},
		"keepalives_count":      {args{"keepalives_count": -1}, "keepalives_count: out of range; allowed: 0 to 127"},
		"keepalives text":       {args{"keepalives": "maybe"}, "keepalives: not an integer; allowed: 0 or 1"},
		"user timeout":          {args{"tcp_user_timeout": "5s"}, "tcp_user_timeout: not an integer; allowed: 0 to 2147483647"},
		"GSS required":          {args{"gssencmode": "require"}, "gssencmode: GSSAPI encryption is not supported; allowed: disable, prefer; for encryption use sslmode"},
		"replication":           {args{"replication": "database"}, "replication: cannot be switched on: a replication connection takes no ordinary statements; allowed: false"},
		"async":                 {args{"async": true}, "async: cannot be switched on: an argument of psycopg2 for Python programs; allowed: false"},
		"factory":               {args{"cursor_factory": "x"}, "cursor_factory: must not be given: an argument of psycopg2 for Python programs; allowed: nothing"},
		"login methods":         {args{"require_auth": "scram-sha-256,!md5"}, "require_auth: not a list of different login methods; allowed: password, md5, gss, sspi, scram-sha-256, oauth, none, comma separated, each or none with a leading !"},
		"protocols":             {args{"min_protocol_version": "3.2", "max_protocol_version": "3.0"}, "min_protocol_version and max_protocol_version: the lowest version is above the highest"},
		"no connection string":  {args{"dsn": "synapse"}, `dsn: not a connection string: "=" is missing after a keyword`},
		"open quote":            {args{"dsn": "user='x"}, "dsn: not a connection string: a quoted value does not end"},
		"service in service":    {args{"dsn": "dsn=x"}, "unknown key dsn (dsn); did you mean dsn?"},
		"key of dsn":            {args{"dsn": "hots=x"}, "unknown key hots (dsn); did you mean host?"},
		"strange key of dsn":    {args{"dsn": "zebra=x"}, "unknown key (its text is no key's name and is not shown) (dsn)"},
		"service, nowhere":      {args{"service": "s", "servicefile": "/nonexistent/s"}, "service: no service file has a section of this name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := postgres.ParseArgs(test.args)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAllProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, _, err := postgres.ParseArgs(args{"prot": 1, "sslmode": "x", "keepalives_idle": -1})
	want := "unknown key prot; did you mean port?\n" +
		"keepalives_idle: out of range; allowed: 0 to 32767\n" +
		"sslmode: none of the values it takes; allowed: disable, allow, prefer, require, verify-ca, verify-full"
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

func TestArgumentsWithoutEffectAreWarnedAbout(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args args
		want []string
	}{
		"none": {args{"gssencmode": "prefer", "sslcompression": 0, "keepalives": 1, "connect_timeout": -1, "client_encoding": "utf-8"}, nil},
		"all": {args{"sslcrl": "/x", "krbsrvname": "postgres", "sslcompression": 1, "sslkeylogfile": "/y", "gsslib": "gssapi", "gssdelegation": 1}, []string{
			"gssdelegation: GSSAPI logins are not supported",
			"gsslib: GSSAPI logins are not supported",
			"krbsrvname: GSSAPI logins are not supported",
			"sslcompression: TLS is never compressed",
			"sslcrl: revocation lists are not checked",
			"sslkeylogfile: TLS secrets are never written to a file",
		}},
		"tilde": {args{"passfile": "~/.pgpass", "password": "p"}, []string{"passfile: ~ is not expanded: write the whole path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, warnings, err := postgres.ParseArgs(test.args)
			if err != nil || config == nil {
				t.Fatal(err)
			}
			var got []string
			for _, warning := range warnings {
				got = append(got, warning.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestServiceFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "services")
	text := "[good]\nhost=h\nport=6000\nuser=u\nkeepalives_idle=5\nhostaddr=192.0.2.7\n[bad]\nhots=x\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, _, err := postgres.ParseArgs(args{"service": "good", "servicefile": file, "user": "v"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("v@h:6000/v", config.Describe()); diff != "" {
		t.Error(diff)
	}
	_, _, err = postgres.ParseArgs(args{"service": "bad", "servicefile": file})
	want := "unknown key hots (service file " + file + "); did you mean host?"
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

// The tests of the environment change it, so they do not run in parallel.
func TestEnvironmentSuppliesWhatIsNotGiven(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "pg_service.conf"), []byte("[s]\nport=7000\nkeepalives_count=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for variable, value := range map[string]string{
		"PGHOST": "env", "PGPORT": "1", "PGUSER": "eu", "PGDATABASE": "ed", "PGSERVICE": "s", "PGSYSCONFDIR": folder, "HOME": folder, "PGTZ": "UTC",
	} {
		t.Setenv(variable, value)
	}
	config, _, err := postgres.ParseArgs(args{"dbname": "d"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("eu@env:7000/d", config.Describe()); diff != "" {
		t.Error(diff)
	}
	t.Setenv("PGSSLMODE", "never")
	_, _, err = postgres.ParseArgs(nil)
	if err == nil || !strings.HasPrefix(err.Error(), "sslmode (environment variable PGSSLMODE): none of the values it takes") {
		t.Errorf("error: %v", err)
	}
}

func TestReadablePassfileIsWarnedAbout(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte("*:*:*:*:p\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := postgres.ParseArgs(args{"passfile": file})
	if err != nil || len(warnings) != 1 || warnings[0].Key != "passfile" {
		t.Errorf("%v, %v", warnings, err)
	}
}

func TestNoWayOfPrintingShowsThePassword(t *testing.T) {
	t.Parallel()
	config, _, err := postgres.ParseArgs(args{"user": "u", "host": "h", "password": "s3cr3t"})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal([]any{*config})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(encoded), config.LogValue().String(), config.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, config), fmt.Sprintf(verb, *config), fmt.Sprintf(verb, struct{ C *postgres.Config }{config}))
	}
	for _, text := range texts {
		if strings.Contains(text, "s3cr3t") || !strings.Contains(text, "u@h:5432/u") {
			t.Errorf("shows %s", text)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	for _, key := range []string{"host", "port", "hostaddr", "dsn", "options", "passfile", "require_auth", "sslmode", "password", "nonsense"} {
		for _, value := range []string{"", "a,b", "1,,2", "host='a b' user=\\x", "postgres://u:p@[::1]:1,b/d?a=b", "-c a=b --c-d=e\\ f", "!md5,!none", "\x00", "@x,/y"} {
			f.Add(key, value, "/run,@a,h")
		}
	}
	f.Fuzz(func(t *testing.T, key, value, host string) {
		const secret = "s3cr3t-m4rk3r"
		given := args{"host": host, "user": "u", "password": secret, key: value}
		config, _, err := postgres.ParseArgs(given)
		if (config == nil) == (err == nil) {
			t.Error("neither a configuration nor an error, or both")
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Error("the error shows the password")
		}
		if config != nil {
			_ = config.Describe()
		}
	})
}
