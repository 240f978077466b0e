package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// S3ProgramVariable is the environment variable that names the program of versitygw. Where it is set, none is built.
const S3ProgramVariable = "SYNAPSE_S3_PROGRAM"

// S3Program returns the full path of versitygw: the one that the environment names, or the one that Go builds from the version in this module's tools/s3/go.mod
// and keeps in its build cache. It is for work inside of this module: elsewhere only the environment can name one.
func S3Program(ctx context.Context) (string, error) {
	if named := os.Getenv(S3ProgramVariable); named != "" {
		return namedS3Program(named)
	}
	folder, err := s3Module(ctx)
	if err != nil {
		return "", &NotInstalledError{Product: "S3", Looked: []string{"tools/s3"}, Hint: s3Hint(err)}
	}
	path, err := runGo(ctx, folder, "tool", "-n", "versitygw")
	if err != nil {
		return "", &NotInstalledError{Product: "S3", Looked: []string{folder}, Hint: s3Hint(err)}
	}
	return path, nil
}

// s3Hint says why there is no program, and how to get one.
func s3Hint(err error) string {
	return fmt.Sprintf("Go could not build versitygw: %v\nrun `go -C tools/s3 tool -n versitygw` where Go's module proxy can be reached, "+
		"or set %s to the path of a versitygw 1.8 or later", err, S3ProgramVariable)
}

func namedS3Program(named string) (string, error) {
	path, err := exec.LookPath(named)
	if err != nil {
		return "", &NotInstalledError{Product: "S3", Looked: []string{named}, Hint: "set " + S3ProgramVariable + " to the path of versitygw: " + err.Error()}
	}
	return filepath.Abs(path)
}

// s3Module finds the folder with the service's go.mod, in the module that the working folder belongs to.
func s3Module(ctx context.Context) (string, error) {
	file, err := runGo(ctx, "", "env", "GOMOD")
	if err != nil {
		return "", err
	}
	folder := filepath.Join(filepath.Dir(file), "tools", "s3")
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return "", err
	}
	return folder, nil
}

// runGo returns what the command of Go prints. Flags that are meant for the tests are none for it, so that all tests share what it has built.
func runGo(ctx context.Context, folder string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	output, err := command.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(arguments, " "), err, tail(failed.Stderr))
	}
	return strings.TrimSpace(string(output)), err
}
