package dbtest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

func TestMySQLDatabaseBelongsToItsUserAlone(t *testing.T) {
	t.Parallel()
	first, second := NewMySQLDatabase(t), NewMySQLDatabase(t, func(options *server.MariaDBDatabaseOptions) { options.CharacterSet = "latin1" })
	superuser := first.OpenSuperuser(t)
	const query = `SELECT GROUP_CONCAT(REPLACE(table_schema, '\\', '')) FROM information_schema.schema_privileges
		WHERE grantee LIKE CONCAT('''', ?, '''@%')  AND privilege_type = 'CREATE'`
	for _, database := range []*MySQLDatabase{first, second} {
		var names string
		if err := superuser.QueryRowContext(t.Context(), query, database.User).Scan(&names); err != nil {
			t.Fatal(err)
		}
		if names != database.Name {
			t.Errorf("the user of %s has rights on %s", database.Name, names)
		}
		address, err := url.Parse(database.URL)
		if err != nil {
			t.Fatal(err)
		}
		if password, _ := address.User.Password(); password != database.Password || strings.TrimPrefix(address.Path, "/") != database.Name {
			t.Error("the URL leads to another database")
		}
	}
}

func TestGivenMySQLIsUsedAndLeftRunning(t *testing.T) {
	private := MySQL(t)
	t.Setenv(MySQLVariable, fmt.Sprintf("root@unix(%s)/", private.Socket()))

	var given mysqlServer
	given.start()
	if given.err != nil {
		t.Fatal(given.err)
	}
	description := server.MariaDBDatabaseOptions{Name: databaseName(t), Owner: "given_server_user"}
	database := newMySQLDatabase(given.server, description, "it's secret")
	database.create(t, description)
	if _, err := database.OpenSuperuser(t).ExecContext(t.Context(), `CREATE TABLE written (at timestamp)`); err != nil {
		t.Error(err)
	}
	if err := given.stop(); err != nil {
		t.Fatal(err)
	}
	still, err := private.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer still.Close()
	if err := still.PingContext(t.Context()); err != nil {
		t.Errorf("the server that was given has been stopped: %v", err)
	}
}
