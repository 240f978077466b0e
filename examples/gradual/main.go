package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

func main() {
	if err := inTemporaryFolder(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func inTemporaryFolder(ctx context.Context, out io.Writer) error {
	folder, err := os.MkdirTemp("", "gradual-")
	if err != nil {
		return err
	}
	return errors.Join(play(ctx, out, folder), os.RemoveAll(folder))
}

// play starts the releases one after the other on the same database.
func play(ctx context.Context, out io.Writer, folder string) error {
	file := filepath.Join(folder, "server.db")
	for day, next := range []release{v136(), v137(), v136(), v137(), v138(), v137(), v138()} {
		if err := start(ctx, out, file, next, day); err != nil {
			return err
		}
	}
	err := start(ctx, out, file, v136(), 7)
	if _, refused := errors.AsType[*schema.TooNewError](err); !refused {
		return errors.Join(errors.New("v1.36.0 was not refused"), err)
	}
	fmt.Fprintf(out, "  refused: %v\n", err)
	return nil
}

// start is what a server does: it opens the database, prepares it, and begins to work.
func start(ctx context.Context, out io.Writer, file string, next release, day int) (err error) {
	fmt.Fprintf(out, "%s starts: version %d, compat version %d\n", next.name, next.version, next.compatVersion)
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: file}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	set, err := next.set()
	if err != nil {
		return err
	}
	result, err := schema.Prepare(ctx, session, set, schema.Options{})
	if err != nil {
		return err
	}
	tellChanges(out, result)
	if err := next.work(ctx, session, day); err != nil {
		return err
	}
	return tellState(ctx, out, session)
}

const room = "!lounge:example.com"

// work is one message in a room.
func (r release) work(ctx context.Context, session engine.Session, day int) error {
	return session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error { return r.count(ctx, tx, room, day) })
}

func tellChanges(out io.Writer, result *schema.Result) {
	for _, step := range result.Plan.Steps {
		fmt.Fprintf(out, "  applies %s: %s\n", step.File, step.Why)
	}
	switch {
	case !result.Changed:
		fmt.Fprintln(out, "  changes nothing")
	case len(result.Plan.Steps) == 0:
		fmt.Fprintf(out, "  records version %d\n", result.Plan.To)
	}
}

func tellState(ctx context.Context, out io.Writer, session engine.Session) error {
	state, err := schema.ReadState(ctx, session)
	if err != nil {
		return err
	}
	count, err := messages(ctx, session, room)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  database: version %d, compat version %d; %s; messages: %d\n",
		state.Version, *state.CompatVersion, strings.Join(tablesOf(state), ", "), count)
	return nil
}

// tablesOf are the server's own tables.
func tablesOf(state *schema.State) []string {
	var own []string
	for _, table := range state.Tables {
		if strings.HasPrefix(table, "room_") {
			own = append(own, table)
		}
	}
	return own
}
