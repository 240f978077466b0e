package difference_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/port/difference"
)

// folderVariable makes the test binary a process that may write but little to a file, and spills in the folder named.
const folderVariable = "SYNAPSE_DIFFERENCE_TEST_FOLDER"

// playProcess does the work of that process, if this one is such, and does not return then.
func playProcess() {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	const bytes = 20_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	finder := difference.New(difference.Options{MemoryLimit: 10_000, TempDir: folder})
	var err error
	for begin := 0; err == nil && begin < 1_000_000; begin += 1000 {
		err = finder.Source(numbered(begin, begin+1000))
	}
	_, after := finder.Finish()
	var storage *difference.StorageError
	fmt.Println(err)
	fmt.Println(errors.As(err, &storage), errors.Is(err, syscall.EFBIG), errors.As(after, &storage))
	os.Exit(0)
}

func TestFileThatCannotGrow(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var output bytes.Buffer
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), folderVariable+"="+folder)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %s", err, output.String())
	}
	want := "write a temporary file in " + folder +
		": file too large; free some space there, or name another folder for temporary files\ntrue true true\n"
	if output.String() != want {
		t.Errorf("got %s, want %s", output.String(), want)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "missing")
	finder := difference.New(difference.Options{MemoryLimit: 1, TempDir: folder})
	err := finder.Target(numbered(0, 1000))
	var storage *difference.StorageError
	if !errors.As(err, &storage) || !errors.Is(err, os.ErrNotExist) || storage.Operation != "create" || storage.Folder != folder ||
		!strings.HasSuffix(err.Error(), "no such file or directory; make the folder writable, or name another folder for temporary files") {
		t.Fatal(err)
	}
	if _, again := finder.Finish(); !errors.As(again, &storage) {
		t.Errorf("the error was forgotten: %v", again)
	}
}
