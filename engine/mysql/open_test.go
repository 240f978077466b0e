package mysql_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestServerIsInspected(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	info := open(t, config).Info()
	want := mysql.ServerInfo{
		MariaDB: info.MariaDB, VersionNum: dbtest.MySQL(t).Version(), Version: info.Version, Database: config.Database,
		CharacterSet: "utf8mb4", Collation: "utf8mb4_bin", Engine: "InnoDB",
	}
	if difference := cmp.Diff(want, info); difference != "" {
		t.Error(difference)
	}
}

func TestServersAreJudged(t *testing.T) {
	t.Parallel()
	good := mysql.ServerInfo{MariaDB: true, VersionNum: 100600, Version: "10.6.0-MariaDB", CharacterSet: "utf8mb4", Engine: "InnoDB"}
	for name, test := range map[string]struct {
		change func(*mysql.ServerInfo)
		want   []mysql.ProblemID
	}{
		"good":        {func(*mysql.ServerInfo) {}, nil},
		"good MySQL":  {func(i *mysql.ServerInfo) { i.MariaDB, i.VersionNum = false, 80019 }, nil},
		"old MariaDB": {func(i *mysql.ServerInfo) { i.VersionNum = 100515 }, []mysql.ProblemID{mysql.ProblemVersion}},
		"old MySQL":   {func(i *mysql.ServerInfo) { i.MariaDB, i.VersionNum = false, 80018 }, []mysql.ProblemID{mysql.ProblemVersion}},
		"the rest": {
			func(i *mysql.ServerInfo) { i.CharacterSet, i.Engine, i.ReadOnly = "utf8mb3", "MyISAM", true },
			[]mysql.ProblemID{mysql.ProblemCharacterSet, mysql.ProblemEngine, mysql.ProblemReadOnly},
		},
	} {
		info := good
		test.change(&info)
		var got []mysql.ProblemID
		for _, problem := range info.Problems() {
			got = append(got, problem.ID)
		}
		if difference := cmp.Diff(test.want, got); difference != "" {
			t.Errorf("%s: %s", name, difference)
		}
	}
}

// opens tries both ways to open a database, which have to fail alike.
func opens(t *testing.T, config mysql.Config) error {
	t.Helper()
	db, err := mysql.Open(t.Context(), config, nil)
	if err == nil {
		_ = db.Close()
		return nil
	}
	session, again := config.OpenSession(t.Context(), nil)
	if again == nil {
		_ = session.Close()
		t.Errorf("the pool gives %v, and the session can be opened", err)
	}
	return err
}

func TestFailureToOpenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	other := configOf(t, dbtest.NewMySQLDatabase(t))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	deaf := listener.Addr().(*net.TCPAddr).Port
	for name, test := range map[string]struct {
		change func(*mysql.Config)
		want   string
	}{
		"password":      {func(c *mysql.Config) { c.Password = "wrong" }, "check user and password"},
		"user":          {func(c *mysql.Config) { c.User = "nobody" }, "check user and password"},
		"other's":       {func(c *mysql.Config) { c.Database = other.Database }, "GRANT ALL ON `" + other.Database + "`.*"},
		"refused":       {func(c *mysql.Config) { c.Port = 1 }, "check host and port"},
		"name":          {func(c *mysql.Config) { c.Host = "no-such-host.invalid" }, "check host"},
		"silent":        {func(c *mysql.Config) { c.Port, c.ConnectTimeout = deaf, 100*time.Millisecond }, "did not answer in time"},
		"no socket":     {func(c *mysql.Config) { c.Host, c.Port, c.Socket = "", 0, "/nonexistent/socket" }, "this is its socket"},
		"no TLS":        {func(c *mysql.Config) { c.TLS = mysql.TLSRequired }, "turn TLS on at the server"},
		"no such table": {func(c *mysql.Config) { c.Database = "mysql" }, "GRANT ALL ON `mysql`.*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := config
			test.change(&changed)
			err := opens(t, changed)
			if _, ok := errors.AsType[*engine.Error](err); !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), config.Password) || strings.Contains(err.Error(), "wrong")) {
				t.Errorf("the password is in the message: %v", err)
			}
		})
	}
}

func TestMissingDatabaseIsNamedWithARemedy(t *testing.T) {
	t.Parallel()
	private := dbtest.MySQL(t)
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	superuser, err := private.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer superuser.Close()
	if _, err := superuser.ExecContext(t.Context(), "GRANT ALL ON *.* TO '"+config.User+"'@'%'"); err != nil {
		t.Fatal(err)
	}
	config.Database = "is_missing"
	if err := opens(t, config); err == nil || !strings.Contains(err.Error(), "CREATE DATABASE `is_missing` CHARACTER SET utf8mb4") {
		t.Errorf("got %v", err)
	}
}

func TestDatabaseThatCannotHoldEveryTextIsRefused(t *testing.T) {
	t.Parallel()
	database := dbtest.NewMySQLDatabase(t, func(options *server.MariaDBDatabaseOptions) { options.CharacterSet = "latin1" })
	err := opens(t, configOf(t, database))
	problems, ok := errors.AsType[mysql.Problems](err)
	if !ok || len(problems) != 1 || problems[0].ID != mysql.ProblemCharacterSet || !strings.Contains(err.Error(), "ALTER DATABASE") {
		t.Errorf("got %v", err)
	}
}

func TestCancelledOpenIsAnError(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := config.OpenSession(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// special starts a server for one test, with a database on it.
func special(t *testing.T, settings map[string]string) (*server.MariaDB, mysql.Config) {
	t.Helper()
	private, err := server.StartMariaDB(t.Context(), server.MariaDBOptions{TCP: true, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := private.CreateUser(t.Context(), "tester", "secret"); err != nil {
		t.Fatal(err)
	}
	if err := private.CreateDatabase(t.Context(), server.MariaDBDatabaseOptions{Name: "main", Owner: "tester"}); err != nil {
		t.Fatal(err)
	}
	config, err := mysql.ParseURL(private.URL("main", "tester", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	return private, config
}

func TestServerThatIsFullOrReadOnly(t *testing.T) {
	t.Parallel()
	private, config := special(t, map[string]string{"max-user-connections": "1"})
	db := open(t, config)
	if _, err := config.OpenSession(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "close other connections") {
		t.Errorf("a full server gives %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	superuser, err := private.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer superuser.Close()
	if _, err := superuser.ExecContext(t.Context(), `SET GLOBAL read_only = ON, GLOBAL max_user_connections = 9`); err != nil {
		t.Fatal(err)
	}
	problems, ok := errors.AsType[mysql.Problems](opens(t, config))
	if !ok || len(problems) != 1 || problems[0].ID != mysql.ProblemReadOnly {
		t.Errorf("got %v, want that the server is read-only", problems)
	}
}
