package server

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

// guardScript waits until the pipe on its standard input closes, which happens when this process ends, in whatever way.
// Then it stops what still runs in the folder and removes it. A pipe, not Linux's parent-death signal: that one is tied
// to a thread, exists on Linux only, and cannot remove a folder.
//
// $1 is the folder, $2 the file in it whose first line is the server's process number. After an orderly stop both are
// gone and the script has nothing to do.
const guardScript = `
read -r nothing
if [ -s "$2" ] && read -r server <"$2"; then
	kill -s QUIT "$server"
	tries=0
	while [ -s "$2" ] && kill -0 "$server" && [ "$tries" -lt 200 ]; do
		tries=$((tries + 1))
		sleep 0.1 || sleep 1
	done
	[ "$tries" -lt 200 ] || kill -s KILL "$server"
fi 2>/dev/null
rm -rf "$1"
`

// guard is a small shell that cleans up after this process when this process can no longer do it.
type guard struct {
	folder  string
	command *exec.Cmd
	pipe    io.WriteCloser
}

// startGuard starts the shell that watches over a folder and the server in it.
func startGuard(account account, folder, pidFile string) (*guard, error) {
	command := exec.Command("/bin/sh", "-c", guardScript, "guard", folder, pidFile) //nolint:noctx // it must outlive us
	command.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/bin:/bin"}
	command.Dir = "/"
	command.SysProcAttr = account.attributes()
	pipe, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the guard of %s: %w", folder, err)
	}
	return &guard{folder: folder, command: command, pipe: pipe}, nil
}

// release lets the guard do its work, which removes the folder, and waits for it. Should somebody have killed the guard,
// the folder is removed all the same.
func (g *guard) release() error {
	// Both errors mean that the guard is gone already.
	_ = g.pipe.Close()
	_ = g.command.Wait()
	if err := os.RemoveAll(g.folder); err != nil {
		return fmt.Errorf("remove the server's folder: %w", err)
	}
	return nil
}
