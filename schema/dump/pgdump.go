package dump

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine/postgres"
)

// PgDump is PostgreSQL's program for dumps, and how it connects.
type PgDump struct {
	// Program is its path.
	Program string
	Config  *postgres.Config
}

// version is the major version of the program.
func (p *PgDump) version(ctx context.Context) (int, error) {
	output, err := exec.CommandContext(ctx, p.Program, "--version").Output()
	if err != nil {
		return 0, &ToolError{Program: p.Program, Problem: "cannot be run", Err: err}
	}
	found := regexp.MustCompile(`\) ([0-9]+)`).FindSubmatch(output)
	if found == nil {
		return 0, &ToolError{Program: p.Program, Problem: "does not say its version", Hint: "is it pg_dump of PostgreSQL?"}
	}
	return strconv.Atoi(string(found[1]))
}

// check refuses a program that is older than the server.
func (p *PgDump) check(ctx context.Context, server int) error {
	version, err := p.version(ctx)
	if err != nil {
		return err
	}
	if version < server {
		return &ToolError{
			Program: p.Program, Problem: "is of PostgreSQL " + strconv.Itoa(version) + ", and the server of " + strconv.Itoa(server),
			Hint: "a dump needs the server's version or a later one: install postgresql-client-" + strconv.Itoa(server),
		}
	}
	return nil
}

// run dumps everything in a schema of the database: tables, rows, then what is made on them.
func (p *PgDump) run(ctx context.Context, namespace string) (string, error) {
	connect, err := p.Config.ForProgram()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, p.Program, "--no-password", "--no-owner", "--no-acl", "--no-tablespaces",
		"--no-publications", "--no-subscriptions", "--no-security-labels", "--encoding=UTF8", "--column-inserts",
		"--schema="+postgres.QuoteIdentifier(namespace), "--dbname="+connect.Conninfo)
	command.Env = slices.Concat(connect.Environment, []string{"LC_ALL=C"})
	var output, problems bytes.Buffer
	command.Stdout, command.Stderr = &output, &problems
	if err := command.Run(); err != nil {
		if text := strings.TrimSpace(problems.String()); text != "" {
			err = errors.New(text)
		}
		return "", &ToolError{Program: p.Program, Problem: "failed on " + p.Config.Describe(), Err: err}
	}
	return output.String(), nil
}
