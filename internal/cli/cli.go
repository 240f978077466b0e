package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// portScript is the name under which this program takes the place of upstream's script.
const portScript = "synapse_port_db"

// Main runs the command that the arguments, with the program's name first, ask for, and returns its exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	return (&environment{stdout: stdout, stderr: stderr, handlers: handlers}).main(args)
}

func (e *environment) main(args []string) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	program := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	root := e.root()
	switch program {
	case portScript:
		root = e.portScript()
	case updateScript:
		root = e.updateDatabase()
	}
	root.SetArgs(args[1:])
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w\nsee %s --help", err, command.CommandPath())}
	})
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(e.stderr, e.paint(e.stderr, red, "error:"), err)
	}
	return exitCode(ctx, err)
}

// environment is where a command's output goes, and what it works with.
type environment struct {
	stdout, stderr io.Writer
	verbose        bool
	// handlers gives those of the background updates that can be run on a database.
	handlers func(owner schema.Owner, config homeserver.Config) *background.Registry
}

func (e *environment) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "synapse",
		Short: "Look after the database of a Matrix homeserver",
		Long: "Synapse looks after the databases of a Matrix homeserver: it says what state their tables are in, creates and\n" +
			"upgrades them, runs their background updates, and moves a database from SQLite to PostgreSQL, exactly, with\n" +
			"every check before the first write and a proof at the end.",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.PersistentFlags().BoolVarP(&e.verbose, "verbose", "v", false, "say on standard error what is being done, in detail")
	root.AddCommand(e.port("port"), e.upgrade(), e.status(), e.updates(), e.start(), e.demo(), e.version())
	root.AddCommand(e.snapshot(), e.check(), e.relocale())
	root.AddCommand(e.schema())
	root.AddCommand(e.portBack())
	root.AddCommand(e.createDatabase(), e.tune())
	root.AddCommand(e.backup(), e.restore())
	root.AddCommand(e.entity())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// portScript is the port command under the name and with the flags of upstream's script.
func (e *environment) portScript() *cobra.Command {
	command := e.port(portScript)
	command.Flags().BoolVarP(&e.verbose, "verbose", "v", false, "say on standard error what is being done, in detail")
	return command
}

// logger writes to standard error; only warnings unless more is asked for.
func (e *environment) logger() *slog.Logger { return e.loggerTo(e.stderr) }

func (e *environment) loggerTo(writer io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if e.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(writer, &slog.HandlerOptions{Level: level}))
}

// noArguments refuses arguments, and words that may have been meant as a command.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Errorf("unknown command or argument %q\nsee %s --help", args[0], command.CommandPath())}
}

// signalError says which signal asked the program to stop.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "stopped by " + e.signal.String() }

// withSignals returns a context that ends at the first SIGINT or SIGTERM. The second one ends the program at once.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case received := <-signals:
			signal.Stop(signals)
			cancel(&signalError{received})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// usageError says that the command line itself is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func required(command *cobra.Command, flags ...string) error {
	var missing []string
	for _, flag := range flags {
		if !command.Flags().Changed(flag) {
			missing = append(missing, "--"+flag)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &usageError{errors.New("missing: " + strings.Join(missing, ", ") + "\nsee " + command.CommandPath() + " --help")}
}
