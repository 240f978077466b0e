package port_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port"
)

// A source is looked through first, then ported.
func ExampleRun() {
	ctx := context.Background()
	options, end, err := exampleSides(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()

	options.Check = true
	report, err := port.Run(ctx, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("check:", report.Result)

	options.Check = false
	report, err = port.Run(ctx, options)
	if refused, ok := errors.AsType[*port.RefusedError](err); ok {
		for _, problem := range refused.Problems {
			fmt.Println(problem.What, "->", problem.Hint)
		}
	}
	fmt.Println("port:", report.Result, err)

	// A second port writes what has changed in the source since.
	report, err = port.Run(ctx, options)
	fmt.Println("again:", report.Mode, err)

	// When the homeserver runs on PostgreSQL and all is well, the move is over.
	found, err := port.Finish(ctx, options)
	fmt.Println("finish:", found, err)
	// Output:
	// check: clean
	// port: ok <nil>
	// again: updated <nil>
	// finish: true <nil>
}

// exampleSides makes a small homeserver's database, and a server with a prepared target. In earnest both are there.
func exampleSides(ctx context.Context) (options port.Options, end func(), err error) {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		return options, nil, err
	}
	options.Source = filepath.Join(folder, "homeserver.db")
	if _, err := demo.Generate(ctx, options.Source, demo.Options{Events: 10}); err != nil {
		return options, nil, err
	}
	private, err := server.StartPostgres(ctx, server.PostgresOptions{})
	if err != nil {
		return options, nil, err
	}
	if err := private.CreateDatabase(ctx, server.DatabaseOptions{Name: "synapse"}); err != nil {
		return options, nil, err
	}
	options.Target, _, err = postgres.ParseArgs(map[string]any{
		"host": private.SocketDir(), "user": private.Superuser(), "dbname": "synapse",
	})
	if err != nil {
		return options, nil, err
	}
	session, err := options.Target.OpenSession(ctx, nil)
	if err != nil {
		return options, nil, err
	}
	err = errors.Join(homeserver.Create(ctx, session), session.Close())
	return options, func() { _ = errors.Join(private.Stop(), os.RemoveAll(folder)) }, err
}
