package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
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
