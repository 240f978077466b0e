package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/server"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	private "github.com/synapsedb/synapse/internal/server"
)

// replaced puts the name of the database, and of its owner, in its place.
func replaced(statement, database string) string {
	return strings.ReplaceAll(statement, "%database", postgres.QuoteIdentifier(database))
}

func TestLocaleAndEncoding(t *testing.T) {
	t.Parallel()
	right := func(*private.DatabaseOptions) {}
	for name, test := range map[string]struct {
		option   dbtest.Option
		allowed  bool
		id       string
		severity finding.Severity
		evidence string
	}{
		"locale":              {func(o *private.DatabaseOptions) { o.Locale = "C.UTF-8" }, false, server.DatabaseLocale, finding.Error, `is "C.UTF-8", not "C"`},
		"character type":      {func(o *private.DatabaseOptions) { o.CType = "C.UTF-8" }, false, server.DatabaseLocale, finding.Error, `the character type`},
		"locale, allowed":     {func(o *private.DatabaseOptions) { o.Locale = "C.UTF-8" }, true, server.DatabaseLocale, finding.Warning, `is "C.UTF-8", not "C"`},
		"allowed for nothing": {right, true, server.UnsafeLocaleAllowed, finding.Info, ""},
		"encoding":            {func(o *private.DatabaseOptions) { o.Encoding = "LATIN1" }, false, server.DatabaseEncoding, finding.Error, "server_encoding = LATIN1"},
		"encoding, allowed":   {func(o *private.DatabaseOptions) { o.Encoding = "LATIN1" }, true, server.DatabaseEncoding, finding.Error, "server_encoding = LATIN1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			subject := open(t, dbtest.NewDatabase(t, test.option).DSN)
			subject.Postgres.AllowUnsafeLocale = test.allowed
			doctortest.MustBeOne(t, of(look(t, subject, time.Now()), test.id), test.id, test.severity, test.evidence)
			sound := look(t, open(t, dbtest.NewDatabase(t).DSN), time.Now())
			if found := of(sound, test.id); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

// A database that takes its locale from ICU has a version of its own.
func TestVersionOfTheDatabasesCollation(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	superuser := database.ConnectSuperuser(t)
	name := database.Name + "_icu"
	quoted := postgres.QuoteIdentifier(name)
	execute(t, superuser, `CREATE DATABASE `+quoted+` OWNER `+postgres.QuoteIdentifier(database.Owner)+
		` ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en' TEMPLATE template0`)
	shared := dbtest.Postgres(t)
	t.Cleanup(func() {
		if err := shared.DropDatabase(context.WithoutCancel(t.Context()), name); err != nil {
			t.Error(err)
		}
	})
	subject := open(t, shared.PasswordDSN(name, database.Owner, database.Password))
	found := look(t, subject, time.Now())
	doctortest.MustBeOne(t, of(found, server.DatabaseLocale), server.DatabaseLocale, finding.Warning, `takes its locale "en`)
	if changed := of(found, server.CollationVersion); len(changed) > 0 {
		t.Fatalf("%+v", changed)
	}
	execute(t, superuser, `UPDATE pg_database SET datcollversion = '1.0' WHERE datname = '`+name+`'`)
	changed := doctortest.MustBeOne(t, of(look(t, subject, time.Now()), server.CollationVersion), server.CollationVersion, finding.Error, "made with version 1.0, now ")
	inside, err := shared.Connect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close(t.Context())
	execute(t, inside, changed.Remedy.Commands...)
	if left := of(look(t, subject, time.Now()), server.CollationVersion); len(left) > 0 {
		t.Errorf("%+v", left)
	}
}
