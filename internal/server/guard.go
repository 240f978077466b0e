package server

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

// guardScript waits until the pipe on its standard input closes, which happens when this process ends, in whatever way.
// Then it stops what still runs in its process group, to which the server and its tools belong, and removes the folder.
// A pipe, not Linux's parent-death signal: that one is tied to a thread, exists on Linux only, and removes no folder.
//
// $1 is the folder; $2 is a file that is there while the server runs, or empty where there is no need to wait for an
// orderly stop. After one only the folder is left. A tool that is just filling the folder can make its removal fail, hence
// the second loop.
const guardScript = `
pause() { tries=$((tries + 1)); sleep 0.1 || sleep 1; }
trap '' INT QUIT TERM HUP
read -r nothing
kill -s QUIT 0
tries=0
while [ -s "$2" ] && [ "$tries" -lt 200 ]; do pause; done
tries=0
while ! rm -rf "$1" && [ "$tries" -lt 200 ]; do pause; done
kill -s KILL 0
`

// guard is a small shell that cleans up after this process when this process can no longer do it.
type guard struct {
	folder  string
	command *exec.Cmd
	pipe    io.WriteCloser
}

// startGuard starts the shell that watches over a folder. It leads a new process group.
func startGuard(account account, folder, runningFile string) (*guard, error) {
	command := exec.Command("/bin/sh", "-c", guardScript, "guard", folder, runningFile) //nolint:noctx // it outlives us
	command.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/bin:/bin"}
	command.Dir = "/"
	command.SysProcAttr = account.attributes(0)
	pipe, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the guard of %s: %w", folder, err)
	}
	return &guard{folder: folder, command: command, pipe: pipe}, nil
}

// group is the process group of whatever the guard has to stop.
func (g *guard) group() int { return g.command.Process.Pid }

// release lets the guard do its work, which removes the folder, and waits for it. Should somebody have killed the
// guard, the folder is removed all the same.
func (g *guard) release() error {
	// The guard ends with a signal to its own group, so there is nothing to learn from how it ended.
	_ = g.pipe.Close()
	_ = g.command.Wait()
	if err := os.RemoveAll(g.folder); err != nil {
		return fmt.Errorf("remove the server's folder: %w", err)
	}
	return nil
}
