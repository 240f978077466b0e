package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/entity/dump"
	"github.com/synapsedb/synapse/entity/table"
)

type entityExportFlags struct {
	entityFlags

	output    string
	overwrite bool
}

func (e *environment) entityExport() *cobra.Command {
	flags := &entityExportFlags{}
	command := &cobra.Command{
		Use:   "export [--output FILE]",
		Short: "Write entities to a file, from which they can be imported",
		Long: "Write the entities of all applications, or of one, as lines of JSON, with the rows that were\n" +
			"set aside. It may be run beside the programs: of each application, all entities are of one\n" +
			"moment. The same rows make the same file. Only the user who makes it may read it.\n" + entityExits,
		Example: "  synapse entity export --output entities.jsonl\n  synapse entity export | ssh elsewhere synapse entity import -",
		Args:    noArguments,
		RunE:    func(command *cobra.Command, _ []string) error { return e.runEntityExport(command.Context(), flags) },
	}
	flags.where(command)
	set := command.Flags()
	set.StringVar(&flags.application, "application", "", "only the application with this `ID`; all without it, whatever the environment says")
	set.StringVarP(&flags.output, "output", "o", "", "the `file` to make; standard output without it")
	set.BoolVar(&flags.overwrite, "overwrite", false, "replace a file that is there. It stays as it is until the new one is complete")
	return command
}

func (e *environment) runEntityExport(ctx context.Context, flags *entityExportFlags) error {
	place, err := e.entityPlace(&flags.entityFlags)
	if err != nil {
		return err
	}
	place.application = flags.application
	var found []dump.Application
	err = e.viewEntities(ctx, place, func(viewer *table.Viewer) (err error) {
		found, err = place.exported(ctx, viewer)
		return err
	})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := dump.Write(&text, found); err != nil {
		return &jobError{err}
	}
	if flags.output == "" {
		_, err := e.stdout.Write(text.Bytes())
		return err
	}
	if err := writePrivate(flags.output, text.Bytes(), flags.overwrite); err != nil {
		return fmt.Errorf("write %s: %w", flags.output, err)
	}
	w := &reportWriter{writer: e.stdout}
	for i := range found {
		w.line("Exported %s", dumped(&found[i]))
	}
	return w.err
}

// dumped counts what there is of an application.
func dumped(of *dump.Application) string {
	return fmt.Sprintf("%s and %s of the application %s", entities(len(of.Rows)), count(len(of.Damaged), "damaged row"), applicationText(of.Application))
}

func (p *entityPlace) exported(ctx context.Context, viewer *table.Viewer) ([]dump.Application, error) {
	applications, err := p.chooseSeveral(ctx, viewer, p.application == "")
	if err != nil {
		return nil, err
	}
	var all []dump.Application
	for i := range applications {
		there, err := readContents(ctx, viewer, applications[i].Application)
		if err != nil {
			return nil, err
		}
		all = append(all, dump.Application{Application: there.application, Rows: there.rows, Damaged: there.damaged})
	}
	return all, nil
}

// errThere says that a file would be replaced.
var errThere = errors.New("it exists already; give another name, or --overwrite")

// writePrivate makes a file that only this user may read, and that is complete or not there.
func writePrivate(path string, content []byte, overwrite bool) (err error) {
	if _, err := os.Lstat(path); err == nil && !overwrite {
		return errThere
	}
	made, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(made.Name()) // it may be gone
		}
	}()
	_, err = made.Write(content)
	if err == nil {
		err = made.Sync()
	}
	if err = errors.Join(err, made.Close()); err != nil {
		return err
	}
	if overwrite {
		return os.Rename(made.Name(), path)
	}
	// A link, unlike a rename, does not replace what somebody has made meanwhile.
	if err := os.Link(made.Name(), path); errors.Is(err, fs.ErrExist) {
		return errThere
	} else if err != nil {
		return os.Rename(made.Name(), path) // the file system has no links
	}
	return os.Remove(made.Name())
}
