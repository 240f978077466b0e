package port_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port"
)

// diskVariable makes the test binary a process that runs a server whose database stands on a small file system at this path.
const diskVariable = "SYNAPSE_PORT_TEST_DISK"

const (
	diskSize = 64 << 20
	diskLeft = 2 << 20 // when it is full
	diskName = "small" // of the tablespace, the database, the role and its password
)

// playDisk runs the server, if this process is for that, and does not return then. It obeys lines on its standard input.
func playDisk() {
	place := os.Getenv(diskVariable)
	if place == "" {
		return
	}
	err := runDisk(context.Background(), place)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runDisk(ctx context.Context, place string) (err error) {
	if err := syscall.Mount("none", place, "tmpfs", 0, "size="+strconv.Itoa(diskSize)); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	folder := filepath.Join(place, "tablespace")
	if err := makeForServer(folder); err != nil {
		return err
	}
	private, err := server.StartPostgres(ctx, server.PostgresOptions{TCP: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, private.Stop()) }()
	if err := private.CreateRole(ctx, diskName, diskName); err != nil {
		return err
	}
	conn, err := private.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"CREATE TABLESPACE small LOCATION '" + folder + "'",
		"CREATE DATABASE small OWNER small TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' TABLESPACE small",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := conn.Close(ctx); err != nil {
		return err
	}
	fmt.Println(private.Port())
	return obey(filepath.Join(place, "filler"))
}

// makeForServer makes a folder that belongs to the account of the server.
func makeForServer(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil || os.Geteuid() != 0 {
		return err
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	return os.Chown(folder, uid, -1)
}

// obey fills and frees the file system as the lines say.
func obey(filler string) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var err error
		switch lines.Text() {
		case "fill":
			err = fill(filler)
		case "free":
			err = os.Remove(filler)
		}
		if err != nil {
			return err
		}
		fmt.Println("done")
	}
	return lines.Err()
}

func fill(filler string) error {
	var now unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(filler), &now); err != nil {
		return err
	}
	return os.WriteFile(filler, make([]byte, int64(now.Bavail)*now.Bsize-diskLeft), 0o600)
}

// smallDisk is the other end of such a process.
type smallDisk struct {
	input  io.WriteCloser
	output *bufio.Scanner
}

func (d smallDisk) tell(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(d.input, line); err != nil {
		t.Fatal(err)
	}
	if !d.output.Scan() {
		t.Fatalf("%s: the server's process is gone", line)
	}
}

// ownMounts gives a command mounts that nobody else sees.
func ownMounts(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		command.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
		}
	}
}

// onSmallDisk returns a prepared database on a file system of its own.
func onSmallDisk(t *testing.T) (smallDisk, *dbtest.Database) {
	t.Helper()
	place := dbtest.NewServerFolder(t)
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), diskVariable+"="+place)
	command.Stderr = os.Stderr
	ownMounts(command)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait() // judged by what it did
	})
	disk := smallDisk{input: input, output: bufio.NewScanner(output)}
	if !disk.output.Scan() {
		t.Fatal("the server did not start")
	}
	number, err := strconv.Atoi(disk.output.Text())
	if err != nil {
		t.Fatal(err)
	}
	dsn := fmt.Sprintf("host=127.0.0.1 port=%d user=small password=small dbname=small", number)
	target := &dbtest.Database{Name: diskName, Owner: diskName, Password: diskName, DSN: dsn, SuperuserDSN: dsn, Config: map[string]any{
		"host": "127.0.0.1", "port": number, "user": diskName, "password": diskName, "dbname": diskName,
	}}
	prepare(t, target)
	return disk, target
}

func TestFullDiskOfTheServer(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	disk, target := onSmallDisk(t)
	disk.tell(t, "fill")
	_, err := portInto(t, source, target, nil)
	if _, ok := errors.AsType[*port.UnfinishedError](err); !ok || !strings.Contains(err.Error(), "SQLSTATE 53100") {
		t.Errorf("the error is %v", err)
	} else if !strings.Contains(err.Error(), "make room") || !strings.Contains(err.Error(), "run the same command again") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	if state := lookAtGuard(t, target); state != guarded() {
		t.Errorf("the guard is %+v", state)
	}
	disk.tell(t, "free")
	report, err := portInto(t, source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Mode != port.ModeResumed {
		t.Errorf("the second port is %q", report.Mode)
	}
	expected.complete(t, source, target)
}
