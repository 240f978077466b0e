package mysql_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine/mysql"
)

func TestURLIsRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]mysql.Config{
		"mysql://u:p@db.example:3307/main":              {Host: "db.example", Port: 3307, User: "u", Password: "p", Database: "main"},
		"mariadb://u@[::1]/main":                        {Host: "::1", User: "u", Database: "main"},
		"mysql+pymysql://u:p@h/hass?charset=utf8mb4":    {Host: "h", User: "u", Password: "p", Database: "hass"},
		"mysql://u:p%40%2F%3A@h/a%20b":                  {Host: "h", User: "u", Password: "p@/:", Database: "a b"},
		"mysql://u:p@/main?socket=%2Frun%2Fmysqld.sock": {Socket: "/run/mysqld.sock", User: "u", Password: "p", Database: "main"},
		"mysql://u@h/m?pool_max=3&connect_timeout=2&tls=disabled": {
			Host: "h", User: "u", Database: "m", PoolMax: 3, ConnectTimeout: 2 * time.Second, TLS: mysql.TLSDisabled,
		},
		"mysql://u@h/m?tls=verify_ca&tls_ca=" + file + "&tls_cert=" + file + "&tls_key=" + file: {
			Host: "h", User: "u", Database: "m", TLS: mysql.TLSVerifyCA, TLSCA: file, TLSCert: file, TLSKey: file,
		},
	} {
		got, err := mysql.ParseURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if difference := cmp.Diff(fields(want), fields(got)); difference != "" {
			t.Errorf("%s (-want +got):\n%s", text, difference)
		}
	}
}

// fields shows what a Config hides.
func fields(config mysql.Config) map[string]any {
	return map[string]any{
		"place": []any{config.Host, config.Port, config.Socket}, "user": config.User, "password": config.Password,
		"database": config.Database, "tls": []string{string(config.TLS), config.TLSCA, config.TLSCert, config.TLSKey},
		"numbers": []any{config.PoolMax, config.ConnectTimeout},
	}
}

func TestWrongURLIsExplainedWithoutItsValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"mysql://u:secret@h:port/m":                     "not a URL",
		"mysql://u:se%cret@h/m":                         "percent-encoded",
		"postgres://u:secret@h/m":                       "mysql://user:password@host:port/database",
		"u:secret@tcp(h)/m":                             "not a URL",
		"mysql:u:secret":                                "not a URL of MariaDB or MySQL",
		"mysql://:secret@h/m":                           "user: missing",
		"mysql://u:secret@h":                            "database: missing",
		"mysql://u:secret@h/" + strings.Repeat("x", 65): "1 to 64 letters",
		"mysql://u:secret@h:0/m":                        "port: out of range",
		"mysql://u:secret@h:70000/m":                    "port: out of range",
		"mysql://u:secret@h/m?sokcet=/secret":           "did you mean socket?",
		"mysql://u:secret@h/m?secret%20text=1":          "not shown",
		"mysql://u:secret@h/m?tls=secret":               "verify_identity",
		"mysql://u:secret@h/m?tls=required&tls=secret":  "more than once",
		"mysql://u:secret@h/m?charset=secret":           "utf8mb4",
		"mysql://u:secret@h/m?pool_max=secret":          "number of connections",
		"mysql://u:secret@h/m?pool_max=0":               "number of connections",
		"mysql://u:secret@h/m?connect_timeout=secret":   "number of seconds",
		"mysql://u:secret@h/m?socket=/secret":           "keep one",
		"mysql://u:secret@/m?socket=secret":             "not a full path",
		"mysql://u:secret@h/m?tls_cert=/secret":         "give both",
		"mysql://u:secret@h/m?tls_ca=/secret":           "tls_ca: cannot be read",
		"mysql://u:secret@h/m?%zz":                      "percent-encoded",
	} {
		_, err := mysql.ParseURL(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s gives %v, want %q", text, err, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"mysql://u:marker-of-password@h:1/d?tls=required", "mariadb://u:marker-of-password@/d?socket=/s", "mysql://[::1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		config, err := mysql.ParseURL(text)
		switch {
		case err != nil && strings.Contains(err.Error(), "marker-of-password"):
			t.Errorf("the message holds the password: %v", err)
		case err == nil && (config.User == "" || config.Database == ""):
			t.Errorf("%q is taken without a user or a database", text)
		case err == nil && config.Password == "marker-of-password" && strings.Contains(config.String(), config.Password) &&
			!strings.Contains(config.User+config.Database+config.Host+config.Socket, config.Password):
			t.Errorf("shown: %s", config)
		}
	})
}

func TestWrongConfigIsRefusedBeforeAConnection(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]mysql.Config{
		"host: neither a name": {Host: "a b", User: "u", Database: "m"},
		"port: out of range":   {Port: -1, User: "u", Database: "m"},
		"pool_max":             {PoolMax: -1, User: "u", Database: "m"},
		"connect_timeout":      {ConnectTimeout: -1, User: "u", Database: "m"},
	} {
		if _, err := mysql.Open(t.Context(), config, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the pool gives %v, want %q", err, want)
		}
		if _, err := config.OpenSession(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the session gives %v, want %q", err, want)
		}
	}
}

func TestPasswordIsNeverShown(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	for _, config := range []mysql.Config{
		{Host: "h", User: "u", Password: "secret", Database: "m"},
		{Socket: "/run/s", User: "u", Password: "secret", Database: "m"},
	} {
		slog.New(slog.NewTextHandler(&logged, nil)).Info("test", "config", config)
		encoded, err := json.Marshal(config) //nolint:musttag // nobody writes it as JSON; should somebody, the password stays out
		if err != nil {
			t.Fatal(err)
		}
		for _, shown := range []string{
			config.String(), config.Name(), fmt.Sprintf("%v %+v %#v %s", config, config, config, &config), logged.String(), string(encoded),
		} {
			if strings.Contains(shown, "secret") || !strings.Contains(shown, "m") {
				t.Errorf("shown: %s", shown)
			}
		}
	}
	if got := (mysql.Config{User: "u", Password: "p", Database: "m"}).String(); got != "mysql://u@127.0.0.1:3306/m" {
		t.Errorf("the address is %s", got)
	}
}

func TestIdentifiersAreQuoted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"plain": "`plain`", "odd`; name": "`odd``; name`", "": "``"} {
		if got := mysql.QuoteIdentifier(name); got != want {
			t.Errorf("%q is quoted as %s", name, got)
		}
	}
}
