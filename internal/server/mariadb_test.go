package server_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/server"
)

// startMariaDB starts a private server for one test.
func startMariaDB(t *testing.T, options server.MariaDBOptions) *server.MariaDB {
	t.Helper()
	private, err := server.StartMariaDB(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
	})
	return private
}

// mariaDBAnswer reads one text as the superuser.
func mariaDBAnswer(t *testing.T, private *server.MariaDB, query string, arguments ...any) string {
	t.Helper()
	database, err := private.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var text string
	if err := database.QueryRowContext(t.Context(), query, arguments...).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestPrivateMariaDB(t *testing.T) {
	t.Parallel()
	private := startMariaDB(t, server.MariaDBOptions{TCP: true})
	for name, test := range map[string]func(*testing.T, *server.MariaDB){
		"lets nobody in without a password over TCP": asksForPasswords,
		"listens on the machine's own address":       listensOnLoopback,
		"makes databases as described":               makesMariaDBDatabases,
		"gives owners their own database only":       keepsOwnersApart,
		"ends the sessions of a dropped database":    endsMariaDBSessions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, private)
		})
	}
}

func asksForPasswords(t *testing.T, private *server.MariaDB) {
	for _, user := range []string{"root", "", "mysql"} {
		refusal := mariaDBRefusal(t, private, user, "", "")
		if refusal.Number != 1045 && refusal.Number != 1130 {
			t.Errorf("user %q gets %v, want access denied (1045), or the host not allowed (1130)", user, refusal)
		}
	}
}

// mariaDBRefusal connects over TCP, which has to fail.
func mariaDBRefusal(t *testing.T, private *server.MariaDB, user, password, database string) *mysql.MySQLError {
	t.Helper()
	err := pingMariaDB(t, private, user, password, database)
	refusal, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		t.Fatalf("user %q gets %v, want a refusal", user, err)
	}
	return refusal
}

// pingMariaDB connects over TCP.
func pingMariaDB(t *testing.T, private *server.MariaDB, user, password, database string) error {
	t.Helper()
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr, config.DBName = user, password, "tcp", private.Address(), database
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := connector.Connect(t.Context())
	if err != nil {
		return err
	}
	return connection.Close()
}

func listensOnLoopback(t *testing.T, private *server.MariaDB) {
	if got := mariaDBAnswer(t, private, `SELECT @@bind_address`); got != "127.0.0.1" {
		t.Errorf("listens on %q", got)
	}
	info, err := os.Stat(filepath.Dir(private.Socket()))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("the socket's folder is open to others: %o", got)
	}
	if private.Version() < 80000 {
		t.Errorf("version %d", private.Version())
	}
}

func makesMariaDBDatabases(t *testing.T, private *server.MariaDB) {
	for want, options := range map[string]server.MariaDBDatabaseOptions{
		"utf8mb4 utf8mb4_bin":        {Name: "plain"},
		"utf8mb4 utf8mb4_unicode_ci": {Name: "odd `name` '; --", Collation: "utf8mb4_unicode_ci"},
		"latin1 latin1_swedish_ci":   {Name: "old", CharacterSet: "latin1"},
	} {
		if err := private.CreateDatabase(t.Context(), options); err != nil {
			t.Fatal(err)
		}
		const described = `SELECT concat_ws(' ', default_character_set_name, default_collation_name)
			FROM information_schema.schemata WHERE schema_name = ?`
		if difference := cmp.Diff(want, mariaDBAnswer(t, private, described, options.Name)); difference != "" {
			t.Error(difference)
		}
	}
}

func keepsOwnersApart(t *testing.T, private *server.MariaDB) {
	const password = `it's a \ "word"`
	for _, name := range []string{"a_b", "axb"} {
		if err := private.CreateUser(t.Context(), name, password); err != nil {
			t.Fatal(err)
		}
		if err := private.CreateDatabase(t.Context(), server.MariaDBDatabaseOptions{Name: name, Owner: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := pingMariaDB(t, private, "a_b", password, "a_b"); err != nil {
		t.Error(err)
	}
	if refusal := mariaDBRefusal(t, private, "a_b", password, "axb"); refusal.Number != 1044 {
		t.Errorf("another's database gives %v, want access denied (1044)", refusal)
	}
	for range 2 {
		if err := private.DropUser(t.Context(), "axb"); err != nil {
			t.Fatal(err)
		}
	}
	if refusal := mariaDBRefusal(t, private, "axb", password, "axb"); refusal.Number != 1045 {
		t.Errorf("a dropped user gets %v", refusal)
	}
}

func endsMariaDBSessions(t *testing.T, private *server.MariaDB) {
	if err := private.CreateDatabase(t.Context(), server.MariaDBDatabaseOptions{Name: "busy"}); err != nil {
		t.Fatal(err)
	}
	database, err := private.Open("busy")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	session, err := database.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range []string{"CREATE TABLE t (a int)", "BEGIN", "SELECT * FROM t"} {
		if _, err := session.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := private.DropDatabase(t.Context(), "busy"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := session.ExecContext(t.Context(), "SELECT 1"); err == nil {
		t.Error("the session goes on without its database")
	}
}

func TestMariaDBRestartKeepsDataAndPort(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*server.MariaDB) error{
		"while it runs": func(*server.MariaDB) error { return nil },
		"after a crash": (*server.MariaDB).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			private := startMariaDB(t, server.MariaDBOptions{TCP: true, Settings: map[string]string{"max-connections": "17"}})
			address := private.Address()
			if err := private.CreateUser(t.Context(), "stays", "secret"); err != nil {
				t.Fatal(err)
			}
			if err := end(private); err != nil {
				t.Fatal(err)
			}
			if err := private.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := pingMariaDB(t, private, "stays", "secret", ""); err != nil {
				t.Error(err)
			}
			if private.Address() != address {
				t.Errorf("the address changed from %s to %s", address, private.Address())
			}
			if got := mariaDBAnswer(t, private, `SELECT @@max_connections`); got != "17" {
				t.Errorf("max_connections is %s, want the option's 17", got)
			}
		})
	}
}

func TestStoppedMariaDBLeavesNothing(t *testing.T) {
	t.Parallel()
	private := startMariaDB(t, server.MariaDBOptions{})
	if private.Address() != "" {
		t.Errorf("listens on %s, want the socket only", private.Address())
	}
	stopsWithoutTrace(t, private, filepath.Dir(private.Socket()))
}

func TestMariaDBThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	_, err := server.StartMariaDB(t.Context(), server.MariaDBOptions{Settings: map[string]string{"no-such-option": "1"}})
	failure, ok := errors.AsType[*server.StartError](err)
	if !ok || !strings.Contains(failure.Log, "no-such-option") {
		t.Errorf("got %v, want a StartError with the server's own words", err)
	}
}

func TestMissingMariaDBIsNamedWithARemedy(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := server.StartMariaDB(t.Context(), server.MariaDBOptions{BinFolder: empty})
	if _, ok := errors.AsType[*server.NotInstalledError](err); !ok {
		t.Fatalf("got %v, want a NotInstalledError", err)
	}
	if !strings.Contains(err.Error(), empty) || !strings.Contains(err.Error(), "install") {
		t.Errorf("the message names neither the place nor the remedy: %v", err)
	}
}

func TestProgramKilledWithMariaDBLeavesNothing(t *testing.T) {
	t.Parallel()
	// Each is the appearance of a file that marks how far the start has come; the socket's is its end.
	for _, moment := range []string{"data", "data/ibdata1", "data/mysql", "log", "socket"} {
		t.Run("at "+moment, func(t *testing.T) {
			t.Parallel()
			folder := openFolder(t)
			command, _ := startChild(t, folder, mariaDBChild)
			eventually(t, moment+" is there", func() bool {
				found, err := filepath.Glob(filepath.Join(folder, "synapse-mariadb-*", moment))
				return err == nil && len(found) > 0
			})
			killChild(t, command)
			eventually(t, "no process works in "+folder, func() bool { return len(serversIn(t, folder)) == 0 })
			left, err := os.ReadDir(folder)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestAttachedMariaDBIsLeftAlone(t *testing.T) {
	t.Parallel()
	private := startMariaDB(t, server.MariaDBOptions{TCP: true})
	for name, dsn := range map[string]string{"socket": fmt.Sprintf("root@unix(%s)/", private.Socket()), "tcp": chief(t, private)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attached, err := server.AttachMariaDB(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			if err := attached.CreateUser(t.Context(), name, "secret"); err != nil {
				t.Error(err)
			}
			if err := attached.CreateDatabase(t.Context(), server.MariaDBDatabaseOptions{Name: name, Owner: name}); err != nil {
				t.Error(err)
			}
			if (attached.Address() == "") != (name == "socket") || (attached.Socket() == "") != (name == "tcp") {
				t.Errorf("address %q, socket %q", attached.Address(), attached.Socket())
			}
			if attached.Version() != private.Version() {
				t.Errorf("version %d, want %d", attached.Version(), private.Version())
			}
			var refusal *server.NotOursError
			if !errors.As(attached.Restart(t.Context()), &refusal) || !errors.As(attached.Kill(), &refusal) {
				t.Error("an attached server can be restarted or killed")
			}
			if err := attached.Stop(); err != nil {
				t.Error(err)
			}
			if err := pingMariaDB(t, private, name, "secret", name); err != nil {
				t.Error(err)
			}
		})
	}
}

// chief makes a superuser that logs in over TCP and returns its data source name.
func chief(t *testing.T, private *server.MariaDB) string {
	t.Helper()
	if err := private.CreateUser(t.Context(), "chief", "secret"); err != nil {
		t.Fatal(err)
	}
	database, err := private.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if _, err := database.ExecContext(t.Context(), `GRANT ALL ON *.* TO 'chief'@'%' WITH GRANT OPTION`); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("chief:secret@tcp(%s)/", private.Address())
}
