package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run plays on PostgreSQL when it is given the connection string of an empty database, and on SQLite otherwise.
func run(ctx context.Context, out io.Writer, args []string) error {
	switch len(args) {
	case 0:
		return inTemporaryFolder(ctx, out)
	case 1:
		config, _, err := postgres.ParseArgs(map[string]any{"dsn": args[0]})
		if err != nil {
			return err
		}
		return play(ctx, out, func(ctx context.Context) (engine.Session, error) { return config.OpenSession(ctx, nil) })
	default:
		return errors.New("usage: newcolumn [postgres://USER@HOST/EMPTY-DATABASE]")
	}
}

func inTemporaryFolder(ctx context.Context, out io.Writer) error {
	folder, err := os.MkdirTemp("", "newcolumn-")
	if err != nil {
		return err
	}
	return errors.Join(play(ctx, out, inFolder(folder)), os.RemoveAll(folder))
}

func inFolder(folder string) opener {
	config := sqlite.Config{Database: filepath.Join(folder, "server.db")}
	return func(ctx context.Context) (engine.Session, error) { return sqlite.OpenSession(ctx, config, nil) }
}

// play starts the releases one after the other on the same database, forward and back by one.
func play(ctx context.Context, out io.Writer, open opener) error {
	s := &story{out: out, open: open}
	for _, next := range []struct {
		release release
		batches int // of the background updates that it runs
	}{
		{release: releaseN()},
		{release: releaseN1()},
		{release: releaseN()},
		{release: releaseN1()},
		{release: releaseN2(), batches: 2},
		{release: releaseN1()}, // while the fill is half done
	} {
		if err := s.start(ctx, next.release, next.batches); err != nil {
			return err
		}
	}
	if err := errors.Join(refused[*schema.TooNewError](ctx, s, releaseN()), refused[*schema.PendingError](ctx, s, releaseN3())); err != nil {
		return err
	}
	for _, next := range []release{
		releaseN2(), releaseN3(), releaseN2(), releaseN3(), releaseN4(), releaseN3(), releaseN4(), releaseN5(), releaseN4(), releaseN5(),
	} {
		if err := s.start(ctx, next, allBatches); err != nil {
			return err
		}
	}
	return refused[*schema.TooNewError](ctx, s, releaseN3())
}

// refused starts a release that must not start.
func refused[Refusal error](ctx context.Context, s *story, r release) error {
	err := s.start(ctx, r, 0)
	refusal, isRefused := errors.AsType[Refusal](err)
	if !isRefused {
		return errors.Join(fmt.Errorf("%s was not refused", r.name), err)
	}
	fmt.Fprintf(s.out, "  refused: %v\n", refusal)
	return nil
}
