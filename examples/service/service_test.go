package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/schematest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// newPlace makes an empty database.
func newPlace(t *testing.T, kind engine.Kind) place {
	t.Helper()
	if kind == engine.Postgres {
		return place{postgres: dbtest.NewDatabase(t).DSN}
	}
	return place{file: filepath.Join(t.TempDir(), "links.db")}
}

// onEveryEngine runs a test with an empty database.
func onEveryEngine(t *testing.T, test func(t *testing.T, where place)) {
	t.Helper()
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			where := newPlace(t, kind)
			if used := newSession(t, where).Engine(); used != kind {
				t.Fatalf("the database is one of %s", used)
			}
			test(t, where)
		})
	}
}

// serve opens the database as the service does.
func serve(t *testing.T, where place) (http.Handler, engine.Querier) {
	t.Helper()
	database, closing, err := where.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closing(); err != nil {
			t.Error(err)
		}
	})
	return service{database, slog.New(slog.DiscardHandler)}.handler(), database
}

func request(t *testing.T, handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return answer
}

func TestLinks(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, where place) {
		handler, _ := serve(t, where)
		for _, step := range []struct {
			method, path, body string
			code               int
			location           string
		}{
			{http.MethodGet, "/docs", "", http.StatusNotFound, ""},
			{http.MethodPut, "/docs", "https://go.dev/", http.StatusNoContent, ""},
			{http.MethodPut, "/docs", "https://go.dev/doc/", http.StatusNoContent, ""},
			{http.MethodPut, "/wrong", "no address", http.StatusBadRequest, ""},
			{http.MethodPut, "/long", "https://go.dev/" + strings.Repeat("x", 2048), http.StatusBadRequest, ""},
			{http.MethodGet, "/docs", "", http.StatusFound, "https://go.dev/doc/"},
			{http.MethodGet, "/wrong", "", http.StatusNotFound, ""},
		} {
			answer := request(t, handler, step.method, step.path, step.body)
			if answer.Code != step.code || answer.Header().Get("Location") != step.location {
				t.Errorf("%s %s: %d %q", step.method, step.path, answer.Code, answer.Header().Get("Location"))
			}
		}
		again, _ := serve(t, where)
		if answer := request(t, again, http.MethodGet, "/docs", ""); answer.Code != http.StatusFound {
			t.Error("a second start lost the links")
		}
	})
}

func TestUpgradeFillsTheHosts(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, where place) {
		createFirstRelease(t, where)
		_, database := serve(t, where)
		var hosts []string
		rows, err := database.Query(t.Context(), "SELECT host FROM links ORDER BY name")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var host string
			if err := rows.Scan(&host); err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, host)
		}
		if diff := cmp.Diff([]string{"go.dev", ""}, hosts); diff != "" || rows.Err() != nil {
			t.Error(diff, rows.Err())
		}
	})
}

// createFirstRelease makes the database as the release before this one left it.
func createFirstRelease(t *testing.T, where place) {
	t.Helper()
	first := fstest.MapFS{}
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		path := "main/full_schemas/1/full.sql." + string(kind)
		content, err := fs.ReadFile(files, "schema/"+path)
		if err != nil {
			t.Fatal(err)
		}
		first[path] = &fstest.MapFile{Data: content}
	}
	set, err := schema.New(schema.Definition{
		Name: "links", Version: 1, CompatVersion: 1, Files: first, Engines: []engine.Kind{engine.SQLite, engine.Postgres},
	})
	if err != nil {
		t.Fatal(err)
	}
	session := newSession(t, where)
	if _, err := schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
		t.Fatal(err)
	}
	const insert = "INSERT INTO links (name, target) VALUES ('a', 'https://go.dev/doc/'), ('b', 'no address')"
	if _, err := session.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
}

func newSession(t *testing.T, where place) engine.Session {
	t.Helper()
	session, err := where.openSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

func TestDatabaseOfAnotherProgramIsRefused(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, where place) {
		if _, err := newSession(t, where).Exec(t.Context(), "CREATE TABLE somebody_else (a INTEGER)"); err != nil {
			t.Fatal(err)
		}
		_, _, err := where.open(t.Context(), slog.New(slog.DiscardHandler))
		if _, refused := errors.AsType[*schema.OwnerError](err); !refused {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestBothEnginesHaveTheSameTables(t *testing.T) {
	t.Parallel()
	set, err := newSet()
	if err != nil {
		t.Fatal(err)
	}
	sessions := []engine.Session{newSession(t, newPlace(t, engine.SQLite)), newSession(t, newPlace(t, engine.Postgres))}
	schematest.SameTables(t, set, sessions)
}

func TestErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	where := place{postgres: "postgres://somebody:secretword@127.0.0.1:1/links?connect_timeout=1"}
	_, _, err := where.open(t.Context(), slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), "secretword") {
		t.Errorf("the error is %v", err)
	}
}

// onWrite calls a function when a log line has certain words.
type onWrite struct {
	words string
	then  func()
}

func (o onWrite) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(o.words)) {
		o.then()
	}
	return len(line), nil
}

func TestServiceStartsAndStops(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, where place) {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		log := slog.New(slog.NewTextHandler(onWrite{"listening", end}, nil))
		if err := run(ctx, "127.0.0.1:0", where, log); err != nil {
			t.Error(err)
		}
	})
}
