package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// configured writes a homeserver.yaml for a database, a file or one on the shared server, beside a media store.
func configured(t *testing.T, section, mediaStore string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "homeserver.yaml")
	write(t, path, fmt.Sprintf("server_name: example.com\nmedia_store_path: %q\ndatabase:\n%s", mediaStore, section))
	return path
}

// mediaStore makes the uploads that a database has rows of, as long as the rows say.
func mediaStore(t *testing.T, file string) string {
	t.Helper()
	folder := t.TempDir()
	database, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close() }()
	rows, err := database.QueryContext(t.Context(), "SELECT media_id, max(media_length, 0) FROM local_media_repository WHERE url_cache IS NULL")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var length int64
		if err := rows.Scan(&id, &length); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "local_content", id[:2], id[2:4], id[4:])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, "")
		if err := os.Truncate(path, length); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return folder
}

func ofFile(path string) string {
	return fmt.Sprintf("  name: sqlite3\n  args:\n    database: %q\n", path)
}

func ofServer(database *dbtest.Database) string {
	return fmt.Sprintf("  name: psycopg2\n  args:\n    host: %q\n    port: %v\n    user: %s\n    dbname: %s\n    password: %s\n    sslmode: disable\n",
		database.Config["host"], database.Config["port"], database.Owner, database.Name, database.Password)
}

// The whole command says nothing above "info" of what real homeservers have made: their files, the empty databases of PostgreSQL, and
// such a one with the rows of its file.
func TestCheckOfRealDatabasesFindsNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		file, prepared string
		ported         bool
	}{
		{"homeserver-72.sqlite", "72", false}, {"homeserver-94.sqlite", "94", true}, {"homeserver-94-pending.sqlite", "", false},
	} {
		t.Run(test.file, func(t *testing.T) {
			t.Parallel()
			file, ok := dbtest.CopyData(t, test.file)
			if !ok {
				return
			}
			media := mediaStore(t, file)
			mustBeHealthy(t, configured(t, ofFile(file), media))
			if test.prepared == "" {
				return
			}
			database := dbtest.NewDatabase(t)
			dbtest.RestorePrepared(t, database, test.prepared)
			mustBeHealthy(t, configured(t, ofServer(database), t.TempDir()))
			if !test.ported {
				return
			}
			configuration := configured(t, ofServer(database), media)
			runSynapse(t, 0, "port", "--sqlite-database", file, "-c", configuration)
			mustBeHealthy(t, configuration)
		})
	}
}

func mustBeHealthy(t *testing.T, configuration string) {
	t.Helper()
	report, _ := runSynapse(t, 0, "check", "--deep", "-c", configuration)
	if !strings.Contains(report, " made: 0 errors, 0 warnings, ") || strings.Contains(report, "right_missing") {
		t.Error(report)
	}
}

// A check that waits is stopped by either signal, and leaves no session on the server, although what it has waited for is still held.
func TestCheckIsInterrupted(t *testing.T) {
	t.Parallel()
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			database := dbtest.NewDatabase(t)
			configuration := configured(t, ofServer(database), t.TempDir())
			runSynapse(t, 0, "upgrade", "-c", configuration, "--set", "homeserver")
			holder, watcher := database.ConnectSuperuser(t), database.ConnectSuperuser(t)
			if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), os.Args[0], "check", "--deep", "-c", configuration)
			var report bytes.Buffer
			command.Env, command.Stdout, command.Stderr = append(os.Environ(), programVariable+"=1"), &report, t.Output()
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			awaits(t, func() bool { return sessions(t, watcher, database.Owner, "wait_event_type = 'Lock'") == 1 })
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			exited, isExit := errors.AsType[*exec.ExitError](command.Wait())
			if !isExit || exited.ExitCode() != code {
				t.Errorf("%v, want exit code %d", exited, code)
			}
			if !strings.Contains(report.String(), " made: ") {
				t.Errorf("what was found until then is not printed: %s", report.String())
			}
			awaits(t, func() bool { return sessions(t, watcher, database.Owner, "true") == 0 })
		})
	}
}

// sessions counts those of a role that fulfil a condition.
func sessions(t *testing.T, watcher *pgx.Conn, role, condition string) (count int) {
	t.Helper()
	query := "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND " + condition
	if err := watcher.QueryRow(context.WithoutCancel(t.Context()), query, role).Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count
}
