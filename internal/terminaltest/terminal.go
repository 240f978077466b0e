//go:build unix

package terminaltest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/term"
)

// patience is how long something may take to appear.
const patience = 2 * time.Minute

// Terminal is a terminal with a program on it.
type Terminal struct {
	test    testing.TB
	command *exec.Cmd
	device  *os.File // our end
	theirs  *os.File // the program's end, held open so that its settings can be read afterwards
	before  term.State
	read    chan struct{} // closed when all output was read

	mutex   sync.Mutex
	changed *sync.Cond
	screen  vt10x.Terminal
	output  bytes.Buffer
}

// Start runs a command on a terminal of the given size. Its standard streams are the terminal, but for those that are set.
func Start(t testing.TB, command *exec.Cmd, columns, rows int) *Terminal {
	t.Helper()
	device, theirs, err := pty.Open()
	check(t, err)
	terminal := &Terminal{
		test: t, command: command, device: device, theirs: theirs, read: make(chan struct{}),
		screen: vt10x.New(vt10x.WithSize(columns, rows)),
	}
	terminal.changed = sync.NewCond(&terminal.mutex)
	check(t, setSize(device, columns, rows))
	terminal.before = terminal.settings()
	if command.Stdin == nil {
		command.Stdin = theirs
	}
	if command.Stdout == nil {
		command.Stdout = theirs
	}
	if command.Stderr == nil {
		command.Stderr = theirs
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
	check(t, command.Start())
	go terminal.readAll()
	t.Cleanup(terminal.end)
	return terminal
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func setSize(device *os.File, columns, rows int) error {
	return pty.Setsize(device, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)})
}

func (t *Terminal) readAll() {
	defer close(t.read)
	buffer := make([]byte, 1<<16)
	for {
		n, err := t.device.Read(buffer)
		t.mutex.Lock()
		t.output.Write(buffer[:n])
		_, _ = t.screen.Write(buffer[:n]) // the emulator takes everything
		t.changed.Broadcast()
		t.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// end leaves nothing behind, also when the test has failed.
func (t *Terminal) end() {
	if t.command.ProcessState == nil {
		_ = t.command.Process.Kill()
		_ = t.command.Wait()
	}
	t.hangUp()
	_ = t.device.Close()
}

// hangUp closes the program's end, so that reading ends after the last of its output.
func (t *Terminal) hangUp() {
	_ = t.theirs.Close()
	<-t.read
}

// Await waits until a function finds what it wants on the screen, whose lines have no blanks at their ends.
func (t *Terminal) Await(what string, found func(screen string) bool) {
	t.test.Helper()
	late := time.AfterFunc(patience, func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.changed.Broadcast()
	})
	defer late.Stop()
	deadline := time.Now().Add(patience)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for !found(t.text()) {
		if time.Now().After(deadline) {
			t.test.Fatalf("%s does not appear; the screen is\n%s", what, t.text())
		}
		t.changed.Wait()
	}
}

// AwaitText waits until a text stands on the screen.
func (t *Terminal) AwaitText(text string) {
	t.test.Helper()
	t.Await(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// Screen is what is to be seen now.
func (t *Terminal) Screen() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text()
}

func (t *Terminal) text() string {
	lines := strings.Split(t.screen.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \x00")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Output is everything that was written to the terminal, as it came.
func (t *Terminal) Output() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.output.String()
}

// Type sends keys.
func (t *Terminal) Type(keys string) {
	t.test.Helper()
	_, err := io.WriteString(t.device, keys)
	check(t.test, err)
}

// Signal sends a signal to the program.
func (t *Terminal) Signal(signal os.Signal) {
	t.test.Helper()
	check(t.test, t.command.Process.Signal(signal))
}

// Resize changes the size of the terminal, as its user does.
func (t *Terminal) Resize(columns, rows int) {
	t.test.Helper()
	t.mutex.Lock()
	t.screen.Resize(columns, rows)
	t.mutex.Unlock()
	check(t.test, setSize(t.device, columns, rows))
}

// Wait waits for the end of the program, and returns its exit code; minus the signal's number when one has ended it.
func (t *Terminal) Wait() int {
	t.test.Helper()
	late := time.AfterFunc(patience, func() { _ = t.command.Process.Kill() })
	defer late.Stop()
	err := t.command.Wait()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.test.Fatal(err)
	}
	restored := t.settings() == t.before
	t.hangUp()
	if !restored {
		t.test.Error("the terminal's settings are not what they were before")
	}
	if t.screen.Mode()&vt10x.ModeAltScreen != 0 {
		t.test.Errorf("the terminal is still on its other screen:\n%s", t.Screen())
	}
	if !t.screen.CursorVisible() {
		t.test.Error("the cursor is still hidden")
	}
	if status, ok := t.command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return t.command.ProcessState.ExitCode()
}

// settings are those of the terminal's driver: echo, signals by keys, and so on.
func (t *Terminal) settings() term.State {
	t.test.Helper()
	settings, err := term.GetState(int(t.theirs.Fd()))
	check(t.test, err)
	return *settings
}
