package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// exampleToken would come from a file that only the program can read.
const exampleToken = "syt_example"

// A program that runs the background updates of a database, and lets an operator hold them.
func Example() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	file := sqlite.Config{Database: filepath.Join(folder, "service.db")}
	if err := prepareExample(context.Background(), file); err != nil {
		fmt.Println(err)
		return
	}
	metrics := admin.NewMetrics()
	updater, err := background.New(background.Config{
		Open:     func(ctx context.Context) (engine.Session, error) { return sqlite.OpenSession(ctx, file, nil) },
		Registry: background.NewRegistry(), // with the program's updates
		OnBatch:  metrics.Observe(background.DefaultName),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler, err := admin.New(admin.Config{Databases: []*background.Updater{updater}, Token: exampleToken, Metrics: metrics})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- updater.Serve(ctx) }()
	server := httptest.NewServer(handler) // or an http.Server

	for _, path := range []string{"/health", admin.Prefix + "enabled"} {
		text, err := ask(ctx, server.URL+path, exampleToken)
		fmt.Println(text, err)
	}
	server.Close()
	stop()
	fmt.Println(<-served)
	// Output:
	// OK <nil>
	// {"enabled":true} <nil>
	// context canceled
}

// prepareExample makes the tables by a schema set, here with one table of its own.
func prepareExample(ctx context.Context, file sqlite.Config) error {
	set, err := schema.New(schema.Definition{
		Name: "example", Version: 1, CompatVersion: 1, Engines: []engine.Kind{engine.SQLite},
		Files: fstest.MapFS{"main/full_schemas/1/full.sql.sqlite": {Data: []byte("CREATE TABLE notes (id INTEGER PRIMARY KEY)")}},
	})
	if err != nil {
		return err
	}
	session, err := sqlite.OpenSession(ctx, file, nil)
	if err != nil {
		return err
	}
	_, err = schema.Prepare(ctx, session, set, schema.Options{})
	return errors.Join(err, session.Close())
}

// ask sends a GET request.
func ask(ctx context.Context, url, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(text)), err
}
