package dbtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// DataVariable is the environment variable that names the folder of real homeserver databases. Where it is unset, the
// folder `shared/data` beside the repository is used if it is there.
const DataVariable = "SYNAPSE_TEST_DATA"

// dataFolder is the collection of real databases, unpacked once per test binary.
type dataFolder struct {
	once   sync.Once
	folder string
	found  bool
	err    error
}

// sharedData is a variable of the package for the same reason as sharedServer.
var sharedData dataFolder

// Data returns a folder with the real homeserver databases, unpacked, and whether this machine has them at all. The
// files belong to all tests: a test that opens one for writing, or one in WAL mode, takes a copy with CopyData.
func Data(t testing.TB) (folder string, ok bool) {
	t.Helper()
	needMain(t)
	sharedData.once.Do(sharedData.unpack)
	if sharedData.err != nil {
		t.Fatal(sharedData.err)
	}
	return sharedData.folder, sharedData.found
}

// CopyData returns the path of this test's own copy of one of the files, and whether this machine has it.
func CopyData(t testing.TB, name string) (path string, ok bool) {
	t.Helper()
	folder, ok := Data(t)
	if !ok {
		return "", false
	}
	path = filepath.Join(t.TempDir(), name)
	if err := copyFile(filepath.Join(folder, name), path); err != nil {
		t.Fatal(err)
	}
	return path, true
}

// SameRows returns the path of the program that compares a SQLite database with a PostgreSQL one row by row, and
// whether this machine has it. It is called with the SQLite file and a connection string.
func SameRows(t testing.TB) (path string, ok bool) {
	t.Helper()
	path = filepath.Join(Repository(t), "..", "shared", "tools", "same-rows")
	_, err := os.Stat(path)
	return path, err == nil
}

// Repository returns the folder of this repository: the one that holds go.mod.
func Repository(t testing.TB) string {
	t.Helper()
	folder, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// repository walks up from the working folder, which in a test is the package's.
func repository() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if filepath.Dir(folder) == folder {
			return "", errors.New("find the repository: no go.mod in this folder or above")
		}
		folder = filepath.Dir(folder)
	}
}

// source returns the folder of the collection as it is kept, packed.
func source() (string, error) {
	if folder := os.Getenv(DataVariable); folder != "" {
		return folder, nil
	}
	root, err := repository()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "..", "shared", "data"), nil
}

// unpack makes a folder with every file of the collection: the packed ones unpacked, the others copied.
func (d *dataFolder) unpack() {
	packed, err := source()
	if err != nil {
		d.err = err
		return
	}
	entries, err := os.ReadDir(packed)
	if os.IsNotExist(err) && os.Getenv(DataVariable) == "" {
		return
	}
	if err != nil {
		d.err = fmt.Errorf("read the folder of real databases: %w", err)
		return
	}
	d.found = true
	if d.folder, d.err = os.MkdirTemp("", "synapse-data-"); d.err != nil {
		return
	}
	for _, entry := range entries {
		if err := d.take(filepath.Join(packed, entry.Name())); err != nil {
			d.err = err
			return
		}
	}
}

// take brings one file into the folder.
func (d *dataFolder) take(path string) error {
	name, isPacked := strings.CutSuffix(filepath.Base(path), ".zst")
	target := filepath.Join(d.folder, name)
	if isPacked {
		return unpackFile(path, target)
	}
	return copyFile(path, target)
}

// remove removes the folder.
func (d *dataFolder) remove() error {
	if d.folder == "" {
		return nil
	}
	if err := os.RemoveAll(d.folder); err != nil {
		return fmt.Errorf("remove the unpacked databases: %w", err)
	}
	return nil
}

// unpackFile writes the content of a zstd file.
func unpackFile(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open a packed database: %w", err)
	}
	defer file.Close()
	reader, err := zstd.NewReader(file)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", from, err)
	}
	defer reader.Close()
	return writeFile(reader, to)
}

// copyFile writes a file's content to another.
func copyFile(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open a test's file: %w", err)
	}
	defer file.Close()
	return writeFile(file, to)
}

// writeFile makes a file out of what the reader gives.
func writeFile(reader io.Reader, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make a test's file: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(file, reader); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
