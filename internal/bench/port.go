package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	database "github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port"
)

// result of one port.
type result struct {
	seconds float64
	cpu     float64 // seconds of processor time, of the program and of the server
	peak    int64   // bytes
	rows    int64
}

const role = "bench"

// portOnce ports into a fresh, prepared database.
func portOnce(ctx context.Context, s settings, postgres *server.Postgres, verify bool) (result, error) {
	if err := prepare(ctx, postgres, "port"); err != nil {
		return result{}, err
	}
	return portFrom(ctx, s, postgres, s.source, verify)
}

// portFrom ports into the database as it is, and measures the whole process.
func portFrom(ctx context.Context, s settings, postgres *server.Postgres, source string, verify bool) (result, error) {
	configuration := filepath.Join(s.folder, "homeserver.yaml")
	text := fmt.Sprintf("server_name: %s\ndatabase:\n  name: psycopg2\n  args: {host: %q, port: %d, user: %s, dbname: port}\n",
		demo.DefaultServerName, postgres.SocketDir(), postgres.Port(), role)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		return result{}, err
	}
	arguments := []string{"port", "--json", "--sqlite-database", source, "--postgres-config", configuration}
	if !verify {
		arguments = append(arguments, "--no-verify")
	}
	if s.jobs > 0 {
		arguments = append(arguments, fmt.Sprintf("--jobs=%d", s.jobs))
	}
	if err := checkpoint(ctx, postgres); err != nil {
		return result{}, err
	}
	var output, problems bytes.Buffer
	command := exec.CommandContext(ctx, s.program, arguments...)
	command.Stdout, command.Stderr = &output, &problems
	before, begun := serverCPU(postgres), time.Now()
	if err := command.Run(); err != nil {
		return result{}, fmt.Errorf("%w\n%s", err, problems.String())
	}
	seconds := time.Since(begun).Seconds()
	if err := settled(ctx, postgres, "port"); err != nil {
		return result{}, err
	}
	cpu := serverCPU(postgres) - before + command.ProcessState.UserTime().Seconds() + command.ProcessState.SystemTime().Seconds()
	var report port.Report
	if err := json.Unmarshal(output.Bytes(), &report); err != nil {
		return result{}, err
	}
	return result{seconds: seconds, cpu: cpu, peak: report.PeakMemory, rows: report.Rows}, nil
}

// prepare makes an empty database with our schema, owned by a role that is no superuser.
func prepare(ctx context.Context, postgres *server.Postgres, name string) error {
	if err := postgres.DropDatabase(ctx, name); err != nil {
		return err
	}
	super, err := postgres.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = super.Close(ctx) }()
	var exists bool
	if err := super.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)", role).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if err := postgres.CreateRole(ctx, role, ""); err != nil {
			return err
		}
	}
	if err := postgres.CreateDatabase(ctx, server.DatabaseOptions{Name: name, Owner: role}); err != nil {
		return err
	}
	config, _, err := database.ParseArgs(map[string]any{"host": postgres.SocketDir(), "port": postgres.Port(), "user": role, "dbname": name})
	if err != nil {
		return err
	}
	session, err := config.OpenSession(ctx, nil)
	if err != nil {
		return err
	}
	return errors.Join(homeserver.Create(ctx, session), session.Close())
}

// checkpoint writes out what earlier work left, so that it does not slow the next.
func checkpoint(ctx context.Context, postgres *server.Postgres) error {
	super, err := postgres.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = super.Close(ctx) }()
	_, err = super.Exec(ctx, "CHECKPOINT")
	return err
}
