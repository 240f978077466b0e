package setting_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/entity/table"
)

type (
	given       = setting.Given
	environment = map[string]string
)

const (
	typeIs        = setting.TypeVariable
	urlIs         = setting.URLVariable
	applicationIs = setting.ApplicationVariable
)

func read(code given, variables environment) (*setting.Settings, error) {
	return setting.Read(code, func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	})
}

// where describes a database without its password.
func where(database synapse.Database) string {
	switch database.Engine {
	case engine.SQLite:
		return "sqlite " + database.SQLite.Database
	case engine.Postgres:
		return "postgres " + database.Postgres.Describe()
	case engine.MySQL:
		return "mysql " + database.MySQL.String()
	}
	return "no engine"
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code        given
		environment environment
		want        string
		origins     string // of type and URL
	}{
		"nothing":                 {given{}, nil, "sqlite synapse_storage.db", "the default, the default"},
		"type alone":              {given{Type: "sqlite"}, nil, "sqlite synapse_storage.db", "Config.Type, the default"},
		"type of the environment": {given{}, environment{typeIs: "sqlite"}, "sqlite synapse_storage.db", "the environment, the default"},

		"file":                          {given{URL: "my_data.db"}, nil, "sqlite my_data.db", "the default, Config.URL"},
		"whole path":                    {given{}, environment{urlIs: "/home/user/app.db"}, "sqlite /home/user/app.db", "the default, the environment"},
		"in memory":                     {given{Type: "sqlite", URL: ":memory:"}, nil, "sqlite :memory:", "Config.Type, Config.URL"},
		"temporary":                     {given{URL: "file:"}, nil, "sqlite file:", "the URL, Config.URL"},
		"file: and a path":              {given{}, environment{typeIs: "sqlite", urlIs: "file:./synapse_storage.sql"}, "sqlite file:./synapse_storage.sql", "the environment, the environment"},
		"file: and parameters":          {given{URL: "file:path/to/db?mode=ro"}, nil, "sqlite file:path/to/db?mode=ro", "the URL, Config.URL"},
		"in memory, for several":        {given{URL: "file::memory:?cache=shared"}, nil, "sqlite file::memory:?cache=shared", "the URL, Config.URL"},
		"in memory, by name":            {given{URL: "file:memdb1?mode=memory&cache=shared"}, nil, "sqlite file:memdb1?mode=memory&cache=shared", "the URL, Config.URL"},
		"sqlite: and a path":            {given{URL: "sqlite:/srv/a.db"}, nil, "sqlite /srv/a.db", "the URL, Config.URL"},
		"sqlite: and a URI":             {given{URL: "SQLite:file:a.db?mode=rw"}, nil, "sqlite file:a.db?mode=rw", "the URL, Config.URL"},
		"sqlite: and nothing but a dot": {given{URL: "sqlite:./a"}, nil, "sqlite ./a", "the URL, Config.URL"},
		"path with an @":                {given{URL: "/srv/a:b@c.db"}, nil, "sqlite /srv/a:b@c.db", "the default, Config.URL"},
		"path of Windows":               {given{URL: `C:\data\a@b.db`}, nil, `sqlite C:\data\a@b.db`, "the default, Config.URL"},

		"PostgreSQL":               {given{}, environment{typeIs: "postgresql", urlIs: "postgresql://synapse:super_secret_password@localhost:5432/synapse"}, "postgres synapse@localhost:5432/synapse", "the environment, the environment"},
		"PostgreSQL by code":       {given{Type: "postgresql", URL: "postgresql://synapse:super_secret_password@localhost:5432/synapse"}, nil, "postgres synapse@localhost:5432/synapse", "Config.Type, Config.URL"},
		"PostgreSQL by the URL":    {given{URL: "postgres://u@h/d?sslmode=require"}, nil, "postgres u@h:5432/d", "the URL, Config.URL"},
		"PostgreSQL, libpq's form": {given{Type: "postgres", URL: "host=h user=u password=p dbname=d"}, nil, "postgres u@h:5432/d", "Config.Type, Config.URL"},
		"PostgreSQL with a driver": {given{Type: "psycopg2", URL: "PostgreSQL+psycopg2://u@h/d"}, nil, "postgres u@h:5432/d", "Config.Type, Config.URL"},

		"MySQL":                   {given{}, environment{typeIs: "mysql", urlIs: "mysql://synapse:super_secret_password@localhost:3306/synapse"}, "mysql mysql://synapse@localhost:3306/synapse", "the environment, the environment"},
		"MySQL by code":           {given{Type: "mysql", URL: "mysql://synapse:super_secret_password@localhost:3306/synapse"}, nil, "mysql mysql://synapse@localhost:3306/synapse", "Config.Type, Config.URL"},
		"MySQL by the URL":        {given{URL: "mysql://u@h/d?tls=required"}, nil, "mysql mysql://u@h:3306/d", "the URL, Config.URL"},
		"MariaDB":                 {given{URL: "mariadb://u@h/d"}, nil, "mysql mysql://u@h:3306/d", "the URL, Config.URL"},
		"MariaDB's other name":    {given{Type: "MariaDB", URL: "mysql://u@h/d"}, nil, "mysql mysql://u@h:3306/d", "Config.Type, Config.URL"},
		"MySQL with a driver":     {given{Type: "mysql", URL: "mysql+pymysql://u@h/d"}, nil, "mysql mysql://u@h:3306/d", "Config.Type, Config.URL"},
		"type with a line's end":  {given{}, environment{typeIs: "sqlite\r"}, "sqlite synapse_storage.db", "the environment, the default"},
		"environment before code": {given{Type: "sqlite", URL: "code.db"}, environment{typeIs: "mysql", urlIs: "mysql://u@h/d"}, "mysql mysql://u@h:3306/d", "the environment, the environment"},
		"URL of the environment":  {given{URL: "code.db"}, environment{urlIs: "postgresql://u@h/d"}, "postgres u@h:5432/d", "the URL, the environment"},
		"flags before the environment": {given{URL: "flag.db", First: true}, environment{urlIs: "environment.db"},
			"sqlite flag.db", "the default, Config.URL"},
		"no flags":                    {given{First: true}, environment{urlIs: "environment.db"}, "sqlite environment.db", "the default, the environment"},
		"variables of other programs": {given{}, environment{"DATABASE_URL": "mysql://u@h/d", "DATABASE_TYPE": "mysql", "synapse_DATABASE_URL": "x.db"}, "sqlite synapse_storage.db", "the default, the default"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings, err := read(test.code, test.environment)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, where(settings.Database)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.origins, string(settings.TypeOrigin+", "+settings.URLOrigin)); diff != "" {
				t.Error(diff)
			}
			if settings.Database.Label != "entity" || len(settings.Warnings) > 0 {
				t.Errorf("%q, %v", settings.Database.Label, settings.Warnings)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	const urls = "; allowed: a path or a file: URI for sqlite, postgresql://user:password@host:port/database, mysql://user:password@host:port/database"
	for name, test := range map[string]struct {
		code        given
		environment environment
		want        string
	}{
		"unknown type": {given{}, environment{typeIs: "oracle"},
			"SYNAPSE_DATABASE_TYPE (from the environment): there is no such type; allowed: sqlite, postgresql, mysql"},
		"unknown type of code": {given{Type: "secretword"}, nil,
			"SYNAPSE_DATABASE_TYPE (from Config.Type): there is no such type; allowed: sqlite, postgresql, mysql"},
		"type is a URL": {given{}, environment{typeIs: "mysql://u:secretword@h/d"},
			"SYNAPSE_DATABASE_TYPE (from the environment): there is no such type; allowed: sqlite, postgresql, mysql"},
		"type and URL": {given{Type: "sqlite"}, environment{urlIs: "postgresql://u:secretword@h/d"},
			"SYNAPSE_DATABASE_TYPE (from Config.Type): it is sqlite, but SYNAPSE_DATABASE_URL (from the environment) is of postgresql; allowed: two that match, or the URL alone"},
		"type and file": {given{URL: "file:a.db"}, environment{typeIs: "mysql"},
			"SYNAPSE_DATABASE_TYPE (from the environment): it is mysql, but SYNAPSE_DATABASE_URL (from Config.URL) is of sqlite; allowed: two that match, or the URL alone"},
		"two servers": {given{Type: "postgresql", URL: "mariadb://u:secretword@h/d"}, nil,
			"SYNAPSE_DATABASE_TYPE (from Config.Type): it is postgresql, but SYNAPSE_DATABASE_URL (from Config.URL) is of mysql; allowed: two that match, or the URL alone"},
		"PostgreSQL without a URL": {given{}, environment{typeIs: "postgres"},
			"SYNAPSE_DATABASE_URL: it is missing, and postgresql (from the environment) needs it; allowed: postgresql://user:password@host:port/database"},
		"MySQL without a URL": {given{Type: "mysql"}, nil,
			"SYNAPSE_DATABASE_URL: it is missing, and mysql (from Config.Type) needs it; allowed: mysql://user:password@host:port/database"},
		"unknown scheme": {given{}, environment{urlIs: "mongodb://u:secretword@h/d"},
			"SYNAPSE_DATABASE_URL (from the environment): there is no database for a URL that begins like this" + urls},
		"unknown scheme, with a type": {given{Type: "sqlite", URL: "https://u:secretword@h/d"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): there is no database for a URL that begins like this" + urls},
		"sqlite's other form": {given{URL: "sqlite:///a.db"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): what follows sqlite: is not a path: sqlite:/// means different places to different programs; allowed: a path alone, sqlite:PATH, or a file: URI"},
		"end of a line": {given{}, environment{urlIs: "a.db\r"},
			"SYNAPSE_DATABASE_URL (from the environment): it has a character in it that cannot be printed, such as the end of a line" + urls},
		"scheme left out": {given{URL: "u:secretword@h:5432/d"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): it looks like the address of a server, without the beginning of its URL" + urls + "; ./ before a path that only looks like it"},
		"slashes left out": {given{Type: "sqlite", URL: "postgresql:u:secretword@h/d"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): it looks like the address of a server, without the beginning of its URL" + urls + "; ./ before a path that only looks like it"},
		"type left out": {given{URL: "host=h password=secretword"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): it looks like the address of a server, without the beginning of its URL" + urls + "; ./ before a path that only looks like it"},
		"another driver's form": {given{Type: "mysql", URL: "u:secretword@tcp(h:3306)/d"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): url: not a URL of MariaDB or MySQL; allowed: mysql://user:password@host:port/database"},
		"option of libpq": {given{}, environment{urlIs: "postgresql://u:secretword@h/d?sslmode=on"},
			"SYNAPSE_DATABASE_URL (from the environment): sslmode (dsn): none of the values it takes; allowed: disable, allow, prefer, require, verify-ca, verify-full"},
		"unknown option of libpq": {given{URL: "postgresql://u:secretword@h/d?sslmod=require"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): unknown key sslmod (dsn); did you mean sslmode?"},
		"option of MySQL": {given{URL: "mysql://u:secretword@h/d?tls=maybe"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): tls: none of the values it takes; allowed: disabled, preferred, required, verify_ca, verify_identity"},
		"MySQL without a database": {given{URL: "mysql://u:secretword@h"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): database: missing, or no database's name; allowed: a name of 1 to 64 letters"},
		"port": {given{URL: "postgresql://u:secretword@h:99999/d"}, nil,
			"SYNAPSE_DATABASE_URL (from Config.URL): port (dsn): out of range; allowed: 1 to 65535, comma separated"},
		"id": {given{Application: "porch "}, nil,
			`SYNAPSE_METADATA_UNIQUE_ID (from Config.Application): the id "porch " ends in a space; ids have 1 to 255 characters, all valid UTF-8, no NUL among them and no space at the end`},
		"id of the environment": {given{Application: "porch"}, environment{applicationIs: "\xff"},
			`SYNAPSE_METADATA_UNIQUE_ID (from the environment): the id "` + "\ufffd" + `" is not valid UTF-8; ids have 1 to 255 characters, all valid UTF-8, no NUL among them and no space at the end`},
		"name as id": {given{Name: "porch "}, nil,
			`SYNAPSE_METADATA_UNIQUE_ID (from Config.Name): the id "porch " ends in a space; ids have 1 to 255 characters, all valid UTF-8, no NUL among them and no space at the end`},
		"several": {given{Type: "oracle", Application: " "}, nil,
			"SYNAPSE_DATABASE_TYPE (from Config.Type): there is no such type; allowed: sqlite, postgresql, mysql\n" +
				`SYNAPSE_METADATA_UNIQUE_ID (from Config.Application): the id " " ends in a space; ids have 1 to 255 characters, all valid UTF-8, no NUL among them and no space at the end`},
		"words of a command": {given{Type: "oracle", Names: setting.Names{Type: "--type"}}, nil,
			"SYNAPSE_DATABASE_TYPE (from --type): there is no such type; allowed: sqlite, postgresql, mysql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings, err := read(test.code, test.environment)
			if _, typed := errors.AsType[*setting.Error](err); !typed {
				t.Fatalf("the error is %v, the database %+v", err, settings)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), "secretword") {
				t.Error("the error holds a value")
			}
		})
	}
}

func TestEmptyVariablesAreWarnedAbout(t *testing.T) {
	t.Parallel()
	settings, err := read(given{URL: "code.db"}, environment{typeIs: "", urlIs: "", applicationIs: ""})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("sqlite code.db", where(settings.Database)); diff != "" {
		t.Error(diff)
	}
	want := []setting.Warning{
		{Setting: "SYNAPSE_DATABASE_TYPE", Message: "it is set but empty, which is not used; the default holds"},
		{Setting: "SYNAPSE_DATABASE_URL", Message: "it is set but empty, which is not used; Config.URL holds"},
		{Setting: "SYNAPSE_METADATA_UNIQUE_ID", Message: "it is set but empty, which is not used; the default holds"},
	}
	if diff := cmp.Diff(want, settings.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestWarningsOfTheEngineArePassedOn(t *testing.T) {
	t.Parallel()
	settings, err := read(given{URL: "postgresql://u:secretword@h/d?sslcompression=1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(settings.Warnings) != 1 || !strings.HasPrefix(settings.Warnings[0].String(), "SYNAPSE_DATABASE_URL: sslcompression: ") {
		t.Errorf("%v", settings.Warnings)
	}
}

func TestApplication(t *testing.T) {
	t.Parallel()
	const own = "github.com/synapsedb/synapse/entity/setting.test"
	for name, test := range map[string]struct {
		code        given
		environment environment
		want        table.Application
		origin      setting.Origin
	}{
		"nothing":         {given{}, nil, table.Application{ID: own, Name: "setting.test"}, "the main package"},
		"name":            {given{Name: "porch"}, nil, table.Application{ID: "porch", Name: "porch"}, "Config.Name"},
		"id":              {given{Application: "f4f75495"}, nil, table.Application{ID: "f4f75495", Name: "setting.test"}, "Config.Application"},
		"id and name":     {given{Application: "f4f75495", Name: "porch"}, nil, table.Application{ID: "f4f75495", Name: "porch"}, "Config.Application"},
		"environment":     {given{Application: "x", Name: "porch"}, environment{applicationIs: "f4f75495"}, table.Application{ID: "f4f75495", Name: "porch"}, "the environment"},
		"not its default": {given{}, environment{"METADATA_UNIQUE_ID": "x", "HOSTNAME": "h", "USER": "u"}, table.Application{ID: own, Name: "setting.test"}, "the main package"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings, err := read(test.code, test.environment)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, settings.Application); diff != "" || settings.ApplicationOrigin != test.origin {
				t.Error(diff, settings.ApplicationOrigin)
			}
		})
	}
}

func TestWithoutAnEnvironment(t *testing.T) {
	t.Parallel()
	settings, err := setting.Read(given{URL: "code.db"}, nil)
	if err != nil || where(settings.Database) != "sqlite code.db" {
		t.Error(settings, err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	database, warnings, err := setting.Parse("mysql://u:secretword@h/d", "--from")
	if err != nil || len(warnings) > 0 || where(database) != "mysql mysql://u@h:3306/d" {
		t.Error(database, warnings, err)
	}
	for url, want := range map[string]string{
		"mysql://u:secretword@h": "--from: database: missing, or no database's name; allowed: a name of 1 to 64 letters",
		"u:secretword@h/d": "--from: it looks like the address of a server, without the beginning of its URL; allowed: a path or a file: URI for sqlite, " +
			"postgresql://user:password@host:port/database, mysql://user:password@host:port/database; ./ before a path that only looks like it",
	} {
		_, _, err := setting.Parse(url, "--from")
		if err == nil || err.Error() != want {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestWhatOpeningFindsIsExplained(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for url, want := range map[string]string{
		"file:a.db?moed=ro":   "SYNAPSE_DATABASE_URL (from Config.URL): open SQLite database: unknown key moed; did you mean mode?",
		folder:                "SYNAPSE_DATABASE_URL (from Config.URL): open " + folder + ": this is a directory; ",
		folder + "/none/a.db": "SYNAPSE_DATABASE_URL (from Config.URL): open " + folder + "/none/a.db: there is no such file ",
	} {
		settings, err := read(given{URL: url}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = settings.Database.OpenSession(t.Context(), nil)
		if explained := settings.Explain(err); explained == nil || !strings.HasPrefix(explained.Error(), want) {
			t.Errorf("want %s\n got %v", want, explained)
		}
	}
	settings, err := read(given{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	other := &sqlite.BusyError{Path: "a.db"}
	if explained := settings.Explain(other); !errors.Is(explained, other) || explained.Error() != other.Error() || settings.Explain(nil) != nil {
		t.Error("another error was changed")
	}
}
