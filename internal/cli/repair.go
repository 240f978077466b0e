package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/synapsedb/synapse/doctor"
)

// scripts are the files that --repair-script names.
type scripts struct {
	path    string
	several bool // databases: each has a file of its own
	made    []string
}

// scripts are nil when none was asked for.
func (f *checkFlags) scripts(databases []doctor.Database) (*scripts, error) {
	switch {
	case f.script == "":
		return nil, nil //nolint:nilnil // nothing is to be written
	case !f.deep:
		return nil, &usageError{errors.New("--repair-script needs --deep, which finds what is to be repaired")}
	case f.fix != "":
		return nil, &usageError{errors.New("--repair-script and --fix exclude each other")}
	}
	files := &scripts{path: f.script, several: len(databases) > 1}
	return files, files.check(databases)
}

// of is the file for a database.
func (s *scripts) of(database string) string {
	if s.several {
		return s.path + "." + database
	}
	return s.path
}

// check refuses before the databases are read for minutes. Creating refuses, too.
func (s *scripts) check(databases []doctor.Database) error {
	for _, database := range databases {
		path := s.of(database.Label)
		_, err := os.Lstat(path)
		if err == nil {
			return &usageError{fmt.Errorf("--repair-script: %s is there already, and no file is replaced", path)}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--repair-script: %w", err)
		}
	}
	return nil
}

// create makes a file that nobody else may read: rows stand in it.
func (s *scripts) create(database string) (io.WriteCloser, error) {
	file, err := os.OpenFile(s.of(database), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		s.made = append(s.made, file.Name())
	}
	return file, err
}

// writeRepairs writes a script for each database that has keys more than once. One that was not finished is removed.
func (e *environment) writeRepairs(ctx context.Context, options doctor.Options, report *doctor.Report, files *scripts) error {
	if !report.Repairable() {
		fmt.Fprintln(e.stderr, "no key is there more than once: no repair script was written")
		return nil
	}
	repairs, err := doctor.WriteRepairs(ctx, options, files.create)
	if err != nil {
		for _, path := range files.made {
			err = errors.Join(err, os.Remove(path))
		}
		return fmt.Errorf("write the repair script: %w", err)
	}
	for _, repair := range repairs {
		fmt.Fprintf(e.stderr, "%s deletes %s of %s: read it, and run it with the homeserver stopped\n",
			files.of(repair.Database), count(repair.Rows, "row"), repair.Database)
	}
	return nil
}
