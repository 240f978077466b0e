package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/terminaltest"
)

// smallSource is the file of a small homeserver's database, which is generated once for all tests.
var smallSource = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "synapse-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "homeserver.db")
	if _, err := demo.Generate(context.Background(), path, demo.Options{Events: 500, Seed: 1}); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// portFolder is a folder with a source, and the configuration of a target on which the copy of users takes a while for each row.
func portFolder(t *testing.T, secondsPerUser float64) (folder string, database *dbtest.Database) {
	t.Helper()
	folder, database = t.TempDir(), newDatabase(t, true)
	source, err := smallSource()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "homeserver.db"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	if secondsPerUser > 0 {
		connection := database.Connect(t)
		slowly := fmt.Sprintf("ALTER TABLE users ADD CONSTRAINT slowly CHECK (pg_sleep(%v)::text IS NOT NULL)", secondsPerUser)
		if _, err := connection.Exec(t.Context(), slowly); err != nil {
			t.Fatal(err)
		}
		if err := connection.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	text := "server_name: demo.example.com\ndatabase:\n  name: psycopg2\n  args:\n    sslmode: disable\n"
	for _, key := range []string{"host", "port", "user", "dbname", "password"} {
		text += fmt.Sprintf("    %s: %v\n", key, quoted(database.Config[key]))
	}
	if err := os.WriteFile(filepath.Join(folder, "postgres.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder, database
}

// portCommand is the program as it is started in the folder.
func portCommand(t *testing.T, folder string, flags ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, append([]string{"--sqlite-database", "homeserver.db", "--postgres-config", "postgres.yaml"}, flags...)...)
	command.Args[0] = "synapse_port_db"
	command.Dir = folder
	command.Env = append(os.Environ(), programVariable+"=1", "TERM=xterm-256color", "NO_COLOR=")
	return command
}

const (
	enterScreen = "\x1b[?1049h"
	leaveScreen = "\x1b[?1049l"
)

func TestAPortOnTheWholeTerminalEndsByItself(t *testing.T) {
	t.Parallel()
	for _, size := range []struct {
		columns, rows int
		flag          string
	}{{80, 24, "--tui"}, {200, 50, "--tui"}, {20, 5, "--tui"}, {80, 24, "--curses"}} {
		t.Run(fmt.Sprintf("%s on %dx%d", size.flag, size.columns, size.rows), func(t *testing.T) {
			t.Parallel()
			folder, _ := portFolder(t, 0)
			terminal := terminaltest.Start(t, portCommand(t, folder, size.flag), size.columns, size.rows)
			if code := terminal.Wait(); code != 0 {
				t.Fatalf("exit code %d\n%s", code, terminal.Screen())
			}
			_, after, left := strings.Cut(terminal.Output(), leaveScreen)
			if !left || !strings.Contains(terminal.Output(), enterScreen) {
				t.Fatalf("the port was not on a screen of its own:\n%q", terminal.Output())
			}
			if !strings.Contains(after, "Ported ") || !strings.Contains(after, "both sides are equal") {
				t.Errorf("there is no report after the view:\n%s", after)
			}
		})
	}
}

func TestTheViewOfAPortShowsWhatIsLeft(t *testing.T) {
	t.Parallel()
	folder, _ := portFolder(t, 0.1)
	terminal := terminaltest.Start(t, portCommand(t, folder, "--tui"), 80, 24)
	terminal.AwaitText("Copying, building indexes and foreign keys")
	terminal.Await("the table that is left, and the rate", func(screen string) bool {
		return strings.Contains(screen, "\nusers ") && strings.Contains(screen, "rows/s")
	})
	terminal.Resize(20, 5)
	terminal.Await("the view on a small terminal", func(screen string) bool {
		shown := strings.Split(screen, "\n")
		return len(shown) == 5 && strings.HasPrefix(shown[1], "[##") && shown[4] == "q: stop or leave"
	})
	if code := terminal.Wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, terminal.Screen())
	}
}

func TestTheViewOfAPortIsLeftWithoutStoppingIt(t *testing.T) {
	t.Parallel()
	folder, _ := portFolder(t, 0.1)
	terminal := terminaltest.Start(t, portCommand(t, folder, "--tui", "--jobs", "2"), 80, 24)
	terminal.AwaitText("Copying, building indexes and foreign keys")
	terminal.Type("q")
	terminal.AwaitText("Stop the port?")
	terminal.Type("n")
	terminal.AwaitText("q: stop the port or leave this view")
	terminal.Type("q")
	terminal.AwaitText("Stop the port?")
	terminal.Type("v")
	terminal.AwaitText("Copying, building indexes and foreign keys: ")
	if code := terminal.Wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, terminal.Screen())
	}
	if !strings.Contains(terminal.Screen(), "Ported ") {
		t.Error(terminal.Screen())
	}
}

func TestAPortIsStoppedOnItsView(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]struct {
		by   func(*terminaltest.Terminal)
		code int
	}{
		"q and y": {func(terminal *terminaltest.Terminal) {
			terminal.Type("q")
			terminal.AwaitText("Stop the port?")
			terminal.Type("y")
		}, 130},
		"Ctrl-C":  {func(terminal *terminaltest.Terminal) { terminal.Type("\x03") }, 130},
		"SIGINT":  {func(terminal *terminaltest.Terminal) { terminal.Signal(syscall.SIGINT) }, 130},
		"SIGTERM": {func(terminal *terminaltest.Terminal) { terminal.Signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, database := portFolder(t, 60)
			terminal := terminaltest.Start(t, portCommand(t, folder, "--tui"), 80, 24)
			terminal.AwaitText("Copying, building indexes and foreign keys")
			stop.by(terminal)
			if code := terminal.Wait(); code != stop.code {
				t.Errorf("exit code %d, want %d", code, stop.code)
			}
			if !strings.Contains(unwrapped(terminal), "run the same command again") {
				t.Error(terminal.Screen())
			}
			var compat int
			if err := database.Connect(t).QueryRow(t.Context(), "SELECT compat_version FROM schema_compat_version").Scan(&compat); err != nil {
				t.Fatal(err)
			}
			if compat != 2147483647 {
				t.Errorf("the target is not guarded: compat version %d", compat)
			}
		})
	}
}

// unwrapped is the screen as one line.
func unwrapped(terminal *terminaltest.Terminal) string {
	return strings.ReplaceAll(terminal.Screen(), "\n", "")
}

func TestAHangUpLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	folder, _ := portFolder(t, 60)
	// Tests that run under nohup have the signal ignored, which programs inherit, but not while it is listened for.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGHUP)
	defer signal.Stop(ignored)
	terminal := terminaltest.Start(t, portCommand(t, folder, "--tui"), 80, 24)
	terminal.AwaitText("Copying, building indexes and foreign keys")
	terminal.Signal(syscall.SIGHUP)
	if code := terminal.Wait(); code != 129 {
		t.Errorf("exit code %d", code)
	}
}

func TestAPanicLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	command := portCommand(t, t.TempDir())
	command.Env = append(command.Env, panicVariable+"=1")
	terminal := terminaltest.Start(t, command, 80, 24)
	terminal.AwaitText("q: stop the port or leave this view")
	terminal.Signal(syscall.SIGUSR1)
	if code := terminal.Wait(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(terminal.Screen(), "PanicOnScreen") {
		t.Error(terminal.Screen())
	}
}

func TestARefusalIsToBeReadAfterTheView(t *testing.T) {
	t.Parallel()
	folder, database := portFolder(t, 0)
	connection := database.Connect(t) // in use
	defer connection.Close(context.Background())
	terminal := terminaltest.Start(t, portCommand(t, folder, "--tui"), 80, 24)
	if code := terminal.Wait(); code != 5 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(terminal.Screen(), "other sessions") {
		t.Error(terminal.Screen())
	}
}

func TestThereIsNoViewWithoutATerminal(t *testing.T) {
	t.Parallel()
	folder, _ := portFolder(t, 0)
	for name, command := range map[string]*exec.Cmd{
		"no terminal":   portCommand(t, folder, "--tui"),
		"dumb terminal": portCommand(t, folder, "--curses"),
	} {
		command.Env = append(command.Env, "TERM=dumb")
		output, err := command.CombinedOutput()
		if err == nil || command.ProcessState.ExitCode() != 2 || !strings.Contains(string(output), "--tui needs a terminal on standard error") {
			t.Errorf("%s: exit code %d\n%s", name, command.ProcessState.ExitCode(), output)
		}
	}
	terminal := terminaltest.Start(t, portCommand(t, folder, "--tui"), 80, 24)
	if code := terminal.Wait(); code != 0 {
		t.Errorf("the refusals have written something: exit code %d\n%s", code, terminal.Screen())
	}
}

func TestKeysAreNotNeededForTheView(t *testing.T) {
	t.Parallel()
	folder, _ := portFolder(t, 60)
	command := portCommand(t, folder, "--tui")
	empty, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	command.Stdin = empty
	terminal := terminaltest.Start(t, command, 80, 24)
	terminal.AwaitText("Copying, building indexes and foreign keys")
	terminal.AwaitText("Ctrl-C: stop the port")
	terminal.Type("\x03") // the terminal's driver makes a signal of it
	if code := terminal.Wait(); code != 130 {
		t.Errorf("exit code %d\n%s", code, terminal.Screen())
	}
}
