package postgres_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestCheckAcceptsARightDatabase(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	info, err := postgres.Check(t.Context(), database.Connect(t), postgres.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	got := *info
	got.Version = ""
	want := postgres.ServerInfo{
		VersionNum: dbtest.Postgres(t).Version(), Database: database.Name, User: database.Owner, Owner: database.Owner,
		Encoding: "UTF8", Collate: "C", CType: "C", LocaleProvider: "libc",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// create makes a database on the shared server with the given options of
// CREATE DATABASE, and connects to it.
func create(t *testing.T, name, options string) *pgx.Conn {
	t.Helper()
	server := dbtest.Postgres(t)
	first, err := server.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close(t.Context()) }()
	if _, err := first.Exec(t.Context(), "CREATE DATABASE "+postgres.QuoteIdentifier(name)+" TEMPLATE template0 "+options); err != nil {
		t.Fatal(err)
	}
	connection, err := server.Connect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return connection
}

func TestCheckFindsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options string
		rules   postgres.Rules
		want    []postgres.ProblemID
	}{
		"latin":         {"ENCODING 'LATIN1' LOCALE 'C'", postgres.Rules{}, []postgres.ProblemID{"encoding"}},
		"latin allowed": {"ENCODING 'LATIN1' LOCALE 'C'", postgres.Rules{AllowUnsafeLocale: true}, []postgres.ProblemID{"encoding"}},
		"ascii":         {"ENCODING 'SQL_ASCII' LOCALE 'C'", postgres.Rules{}, []postgres.ProblemID{"encoding"}},
		"c.utf8":        {"ENCODING 'UTF8' LOCALE 'C.UTF-8'", postgres.Rules{}, []postgres.ProblemID{"collate", "ctype"}},
		"ctype":         {"ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", postgres.Rules{}, []postgres.ProblemID{"ctype"}},
		"unsafe":        {"ENCODING 'UTF8' LOCALE 'C.UTF-8'", postgres.Rules{AllowUnsafeLocale: true}, nil},
		"icu":           {"ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'", postgres.Rules{}, []postgres.ProblemID{"locale_provider"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection := create(t, "check "+name, test.options)
			defer func() { _ = connection.Close(t.Context()) }()
			info, err := postgres.Check(t.Context(), connection, test.rules)
			if info == nil {
				t.Fatal(err)
			}
			var problems postgres.Problems
			if err != nil && !errors.As(err, &problems) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ids(problems)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func ids(problems postgres.Problems) []postgres.ProblemID {
	var all []postgres.ProblemID
	for _, problem := range problems {
		all = append(all, problem.ID)
	}
	return all
}

func TestCheckFindsAReadOnlySession(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	connection := connect(t, configOf(t, database, args{"options": "-c default_transaction_read_only=on"}), nil)
	_, err := postgres.Check(t.Context(), connection, postgres.Rules{})
	var problems postgres.Problems
	if !errors.As(err, &problems) || problems[0].ID != postgres.ProblemReadOnly {
		t.Errorf("error %v", err)
	}
	if _, err := postgres.Check(t.Context(), connection, postgres.Rules{AllowReadOnly: true}); err != nil {
		t.Error(err)
	}
}

func TestProblemsSayWhatToDo(t *testing.T) {
	t.Parallel()
	right := postgres.ServerInfo{VersionNum: 170002, Version: "17.2", Database: "syn", Owner: "synapse_user", Encoding: "UTF8", Collate: "C", CType: "C", LocaleProvider: "libc"}
	const createdb = "make a new database and use that one: createdb --encoding=UTF8 --locale=C --template=template0 --locale-provider=libc --owner=synapse_user syn_c"
	const unsafe = ", or set database.allow_unsafe_locale to true if you know that its indexes are sound"
	for name, test := range map[string]struct {
		change func(*postgres.ServerInfo)
		want   string
	}{
		"old": {
			func(i *postgres.ServerInfo) { i.VersionNum, i.Version = 90624, "9.6.24" },
			"the server is PostgreSQL 9.6.24; 10 is the oldest that can be used; upgrade the server",
		},
		"encoding": {
			func(i *postgres.ServerInfo) { i.Encoding = "LATIN1" },
			`the encoding of database "syn" is LATIN1, not UTF8; ` + createdb,
		},
		"locale": {
			func(i *postgres.ServerInfo) { i.Collate, i.CType = "en_US.UTF-8", "C.UTF-8" },
			`the collation of database "syn" is "en_US.UTF-8", not "C"` + "\n" + `the character type of database "syn" is "C.UTF-8", not "C"; ` + createdb + unsafe,
		},
		"builtin C": {func(i *postgres.ServerInfo) { i.LocaleProvider, i.ProviderLocale = "builtin", "C" }, ""},
		"builtin other": {
			func(i *postgres.ServerInfo) { i.LocaleProvider, i.ProviderLocale = "builtin", "C.UTF-8" },
			`database "syn" takes its locale "C.UTF-8" from builtin, not C from libc; ` + createdb + unsafe,
		},
		"standby": {
			func(i *postgres.ServerInfo) { i.Standby, i.ReadOnly = true, true },
			"the server is a standby, which cannot be written to; connect to the primary, or give all hosts and target_session_attrs: read-write in database.args",
		},
		"names for a shell": {
			func(i *postgres.ServerInfo) {
				i.Encoding, i.Database, i.Owner, i.VersionNum = "SQL_ASCII", "a b", "o'x", 140000
			},
			`the encoding of database "a b" is SQL_ASCII, not UTF8; make a new database and use that one: ` +
				`createdb --encoding=UTF8 --locale=C --template=template0 --owner='o'\''x' 'a b_c'`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := right
			test.change(&info)
			if diff := cmp.Diff(test.want, info.Problems(postgres.Rules{}).Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDirectConnectionIsNotBehindAPooler(t *testing.T) {
	t.Parallel()
	behind, err := postgres.BehindPooler(t.Context(), dbtest.NewDatabase(t).Connect(t))
	if behind || err != nil {
		t.Errorf("%v, %v", behind, err)
	}
}
