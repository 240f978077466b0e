package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/synapsedb/synapse/internal/server"
)

// childVariable makes the test binary behave as a program that starts a server and is then killed. Its value is the
// server's product.
const (
	childVariable = "SYNAPSE_SERVER_TEST_CHILD"
	postgresChild = "postgres"
	mariaDBChild  = "mariadb"
	s3Child       = "s3"
	mqttChild     = "mqtt"
)

func TestMain(m *testing.M) {
	if product := os.Getenv(childVariable); product != "" {
		child(product)
		return
	}
	goleak.VerifyTestMain(m)
}

// child starts a server, prints a folder of its and lives until it is killed.
func child(product string) {
	folder, err := startForChild(product)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(folder)
	select {}
}

// startForChild starts a server and returns a folder of its: that of the socket, where there is one.
func startForChild(product string) (folder string, err error) {
	switch product {
	case mqttChild:
		private, err := server.StartMosquitto(context.Background(), server.MosquittoOptions{})
		if err != nil {
			return "", err
		}
		return filepath.Dir(private.ConfigurationFile()), nil
	case s3Child:
		private, err := server.StartS3(context.Background(), server.S3Options{})
		if err != nil {
			return "", err
		}
		return private.Folder(), nil
	case mariaDBChild:
		private, err := server.StartMariaDB(context.Background(), server.MariaDBOptions{})
		if err != nil {
			return "", err
		}
		return filepath.Dir(private.Socket()), nil
	}
	private, err := server.StartPostgres(context.Background(), server.PostgresOptions{})
	if err != nil {
		return "", err
	}
	return private.SocketDir(), nil
}

// startChild runs this test binary as the child, with its own folder for temporary files.
func startChild(t *testing.T, folder, product string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+product, "TMPDIR="+folder)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command, bufio.NewScanner(output)
}

// killChild ends a child the way nothing can be done about.
func killChild(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // always "signal: killed"
}

// openFolder makes a folder that the servers' account can reach and a socket's path has room in.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "spg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	return folder
}

// start starts a private server for one test.
func start(t *testing.T, options server.PostgresOptions) *server.Postgres {
	t.Helper()
	private, err := server.StartPostgres(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
	})
	return private
}

// eventually waits until a condition holds, or ends the test after a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatal("still not true after a minute: " + what)
		}
	}
}

// serversIn returns the command lines of the processes that work in a folder.
func serversIn(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	for _, line := range commandLines(t) {
		if strings.Contains(line, folder) {
			found = append(found, line)
		}
	}
	return found
}

// commandLines returns the command lines of all processes: from /proc where there is one, as a small Linux need not have
// ps, and else from ps.
func commandLines(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil { // else it has just ended
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	if len(files) > 0 {
		return lines
	}
	output, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(output), "\n")
}

// killedWithoutTrace kills a program when its server has started, and looks that the server's folder and its processes go too.
func killedWithoutTrace(t *testing.T, product string) {
	t.Helper()
	folder := openFolder(t)
	command, output := startChild(t, folder, product)
	if !output.Scan() {
		t.Fatal("the server did not start")
	}
	killChild(t, command)
	eventually(t, "no process works in "+folder, func() bool { return len(serversIn(t, folder)) == 0 })
	eventually(t, folder+" is empty", func() bool {
		left, err := os.ReadDir(folder)
		return err == nil && len(left) == 0
	})
}

// stopsWithoutTrace stops a server twice, and looks that its folder and its processes are gone.
func stopsWithoutTrace(t *testing.T, private interface {
	Stop() error
	Restart(ctx context.Context) error
}, folder string,
) {
	t.Helper()
	for range 2 {
		if err := private.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if found := serversIn(t, folder); len(found) > 0 {
		t.Errorf("still running: %q", found)
	}
	if err := private.Restart(t.Context()); !errors.Is(err, server.ErrStopped) {
		t.Errorf("restart after the stop gives %v, want ErrStopped", err)
	}
}
