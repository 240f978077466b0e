package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/internal/server"
)

// settled waits until the server has buried the sessions of a database: only then does it count their time.
func settled(ctx context.Context, postgres *server.Postgres, database string) error {
	super, err := postgres.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = super.Close(ctx) }()
	for left := 1; left > 0; {
		err := super.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", database).Scan(&left)
		if err != nil {
			return err
		}
	}
	return nil
}

// serverCPU returns the seconds of processor time that the server's finished sessions have used; 0 where the system
// does not tell. Wall time on a busy machine says little; this is steadier.
func serverCPU(postgres *server.Postgres) float64 {
	const ticks = 100 // clock ticks in a second, on every Linux that Go runs on
	files, _ := filepath.Glob(filepath.Join(postgres.SocketDir(), "*", "postmaster.pid"))
	if len(files) != 1 {
		return 0
	}
	text, _ := os.ReadFile(files[0])
	pid, _, _ := strings.Cut(string(text), "\n")
	stat, _ := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	_, rest, found := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 15 {
		return 0
	}
	var sum float64
	for _, field := range fields[11:15] { // utime, stime, and both of the children
		value, _ := strconv.ParseFloat(field, 64)
		sum += value / ticks
	}
	return sum
}
