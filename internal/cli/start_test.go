package cli_test

import (
	"bufio"
	"database/sql"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// started is a running `synapse start`.
type started struct {
	command *exec.Cmd
	address string
	output  *bufio.Reader
}

// start starts the program in a folder, and waits until it serves.
func start(t *testing.T, folder string, args ...string) *started {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], append([]string{"start", "--listen", "127.0.0.1:0"}, args...)...)
	command.Dir = folder
	command.Env = append(os.Environ(), programVariable+"=1")
	command.Stderr = t.Output()
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	program := &started{command: command, output: bufio.NewReader(output)}
	for program.address == "" {
		line, err := program.output.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended before it served: %v: %v", err, command.Wait())
		}
		t.Log(strings.TrimSpace(line))
		if _, address, found := strings.Cut(line, "serving "); found {
			program.address = strings.TrimSpace(address)
		}
	}
	return program
}

// stop stops it with a signal, and returns what it still printed.
func (s *started) stop(t *testing.T, signal os.Signal) string {
	t.Helper()
	if err := s.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(s.output)
	if err != nil {
		t.Error(err)
	}
	if err := s.command.Wait(); err != nil {
		t.Errorf("it did not end well: %v", err)
	}
	return string(rest)
}

// ask makes a request and returns the status with the body.
func (s *started) ask(t *testing.T, method, path, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(answer))
}

// execute changes an SQLite database.
func execute(t *testing.T, file string, statements ...string) {
	t.Helper()
	database, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close() }()
	for _, statement := range statements {
		if _, err := database.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

const updatesAPI = "/_synapse/admin/v1/background_updates/"

// Without a configuration it makes a file, serves, runs what is enqueued there, and stops at a signal; and again.
func TestStartWithoutConfiguration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	program := start(t, folder)
	if status, body := program.ask(t, http.MethodGet, "/health", "", ""); status != http.StatusOK {
		t.Error(status, body)
	}
	if status, body := program.ask(t, http.MethodGet, updatesAPI+"enabled", "", ""); status != http.StatusOK || body != `{"enabled":true}` {
		t.Error(status, body)
	}
	if rest := program.stop(t, syscall.SIGTERM); rest != "stopped\n" {
		t.Errorf("%q", rest)
	}
	execute(t, filepath.Join(folder, "homeserver.db"), "SELECT 1 FROM users") // the tables are there
	program = start(t, folder)
	program.stop(t, os.Interrupt)
}

// An update that is pending is run, shown, held, and let go on.
func TestStartRunsUpdates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start(t, folder).stop(t, syscall.SIGTERM)
	execute(t, filepath.Join(folder, "homeserver.db"),
		"CREATE TABLE test_counter (n INTEGER NOT NULL)", "INSERT INTO test_counter VALUES (0)",
		"INSERT INTO background_updates (update_name, progress_json) VALUES ('test_endless', '{}')")
	write(t, filepath.Join(folder, "homeserver.yaml"),
		"database: {name: sqlite3, args: {database: homeserver.db}}\nbackground_updates: {sleep_duration_ms: 1}\n")
	write(t, filepath.Join(folder, "token"), strings.Repeat("t", 32)+"\n")
	program := start(t, folder, "-c", "homeserver.yaml", "--token-file", "token")
	if status, _ := program.ask(t, http.MethodGet, "/metrics", "", ""); status != http.StatusUnauthorized {
		t.Error("the token is not asked for", status)
	}
	token := strings.Repeat("t", 32)
	awaits(t, func() bool {
		_, body := program.ask(t, http.MethodGet, updatesAPI+"status", token, "")
		return strings.Contains(body, `"name":"test_endless"`) && !strings.Contains(body, `"total_item_count":0`)
	})
	if status, body := program.ask(t, http.MethodPost, updatesAPI+"enabled", token, `{"enabled":false}`); status != http.StatusOK || body != `{"enabled":false}` {
		t.Error(status, body)
	}
	write(t, filepath.Join(folder, "finish"), "")
	if status, body := program.ask(t, http.MethodPost, updatesAPI+"enabled", token, `{}`); status != http.StatusOK {
		t.Error(status, body)
	}
	awaits(t, func() bool {
		_, body := program.ask(t, http.MethodGet, "/metrics", token, "")
		return strings.Contains(body, `synapse_background_update_pending{database_name="master"} 0`)
	})
	program.stop(t, syscall.SIGTERM)
}

// The jobs of upstream's databases are enqueued for the server whose code they need.
func TestStartEnqueuesJobs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "homeserver.yaml"),
		"server_name: example.org\ndatabases:\n  one: {name: sqlite3, data_stores: [state], args: {database: state.db}}\n"+
			"  two: {name: sqlite3, data_stores: [main], args: {database: main.db}}\n")
	fixture := filepath.Join(dbtest.Repository(t), "homeserver", "upstream", "testdata", "schema")
	program := start(t, folder, "-c", "homeserver.yaml", "--schema-dir", fixture)
	for _, one := range []struct {
		body, answer string
		status       int
	}{
		{body: `{"job_name":"populate_stats_process_rooms"}`, status: http.StatusOK, answer: `{}`},
		{body: `{"job_name":"populate_stats_process_rooms"}`, status: http.StatusBadRequest, answer: "is queued already"},
		{body: `{"job_name":"nonsense"}`, status: http.StatusBadRequest, answer: `there is no job`},
		{body: `{"job_name":"event_resign"}`, status: http.StatusBadRequest, answer: `M_MISSING_PARAM`},
		{body: `{"job_name":"event_resign","old_key":"ed25519:a_old","before_ts":"now"}`, status: http.StatusBadRequest, answer: `before_ts: it has to be an integer`},
		{body: `{"job_name":"event_resign","old_key":"ed25519:a_old","before_ts":1700000000000}`, status: http.StatusOK, answer: `{}`},
	} {
		if status, body := program.ask(t, http.MethodPost, updatesAPI+"start_job", "", one.body); status != one.status || !strings.Contains(body, one.answer) {
			t.Errorf("%s: %d %s", one.body, status, body)
		}
	}
	program.stop(t, syscall.SIGTERM)
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: filepath.Join(folder, "main.db")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	const query = `SELECT group_concat(update_name || progress_json) FROM (SELECT * FROM background_updates WHERE ordering = 0 ORDER BY update_name)`
	var enqueued string
	if err := session.QueryRow(t.Context(), query).Scan(&enqueued); err != nil {
		t.Fatal(err)
	}
	if want := `event_resign{"before_ts":1700000000000,"old_key":"ed25519:a_old"},populate_stats_process_rooms{}`; enqueued != want {
		t.Error(enqueued)
	}
}

// Two that are started on one database take turns, and each update is run once.
func TestStartTwice(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start(t, folder).stop(t, syscall.SIGTERM)
	file := filepath.Join(folder, "homeserver.db")
	execute(t, file,
		"CREATE TABLE test_rows (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0)",
		"INSERT INTO test_rows (id) WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000) SELECT i FROM c",
		"INSERT INTO background_updates (update_name, progress_json) VALUES ('test_fill', '{}')")
	write(t, filepath.Join(folder, "homeserver.yaml"),
		"database: {name: sqlite3, args: {database: homeserver.db}}\nbackground_updates: {sleep_duration_ms: 1}\n")
	first, second := start(t, folder, "-c", "homeserver.yaml"), start(t, folder, "-c", "homeserver.yaml")
	for _, program := range []*started{first, second} {
		awaits(t, func() bool {
			_, body := program.ask(t, http.MethodGet, "/metrics", "", "")
			return strings.Contains(body, `synapse_background_update_status{database_name="master"} 3`)
		})
	}
	first.stop(t, syscall.SIGTERM)
	second.stop(t, os.Interrupt)
	var done int
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	if err := session.QueryRow(t.Context(), "SELECT count(*) FROM test_rows WHERE n = 1").Scan(&done); err != nil || done != 1000 {
		t.Errorf("%d rows: %v", done, err)
	}
}

func awaits(t *testing.T, holds func() bool) {
	t.Helper()
	if err := await(holds); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
