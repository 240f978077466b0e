package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/entity/table"
)

// ShownEntity is an entity, as "synapse entity show --json" prints it.
type ShownEntity struct {
	ListedEntity

	Application string          `json:"application"`
	Damaged     []DamagedEntity `json:"damaged"`
}

func (e *environment) entityShow() *cobra.Command {
	flags := &entityFlags{}
	command := &cobra.Command{
		Use:     "show ID",
		Short:   "Show everything that is stored of an entity",
		Long:    "Show everything that is stored of an entity, and the rows of it that were set aside. It may\nbe run beside the program.\n" + entityExits,
		Example: "  synapse entity show thermostat",
		Args:    entityArguments(1, 1),
		RunE: func(command *cobra.Command, ids []string) error {
			return e.runEntityShow(command.Context(), flags, ids[0])
		},
	}
	flags.register(command, "the entity")
	return command
}

func (e *environment) runEntityShow(ctx context.Context, flags *entityFlags, id string) error {
	place, err := e.entityPlace(flags)
	if err != nil {
		return err
	}
	var application *table.Known
	var found *ShownEntity
	err = e.viewEntities(ctx, place, func(viewer *table.Viewer) error {
		if application, err = place.choose(ctx, viewer); err != nil {
			return err
		}
		found, err = showEntity(ctx, viewer, application.Application, id)
		return err
	})
	if err != nil {
		return err
	}
	if flags.json {
		return e.printJSON(found)
	}
	return e.printEntity(application.Application, found)
}

func showEntity(ctx context.Context, viewer *table.Viewer, application table.Application, id string) (*ShownEntity, error) {
	there, err := readContents(ctx, viewer, application)
	if err != nil {
		return nil, err
	}
	found := &ShownEntity{Application: application.ID, Damaged: []DamagedEntity{}}
	at := slices.IndexFunc(there.rows, func(row table.Row) bool { return row.ID == id })
	for i := range there.damaged {
		if there.damaged[i].ID == id {
			found.Damaged = append(found.Damaged, listDamaged(&there.damaged[i]))
		}
	}
	if at < 0 {
		missing := &unknownEntitiesError{application: application, ids: []string{id}}
		if len(found.Damaged) > 0 {
			missing.hint = "rows of it were set aside, which synapse entity list --damaged --json shows"
		}
		return nil, missing
	}
	found.ListedEntity = listEntity(&there.rows[at])
	return found, nil
}

func (e *environment) printEntity(application table.Application, found *ShownEntity) error {
	w := &reportWriter{writer: e.stdout}
	w.line("entity        %s", shown(found.ID))
	w.line("application   %s", applicationText(application))
	for _, part := range []struct {
		name string
		json json.RawMessage
	}{{"state", found.State}, {"attributes", found.Attributes}, {"locals", found.Locals}} {
		note := ""
		if slices.Contains(found.NoJSON, part.name) {
			note = "   (no JSON: it is shown as a text)"
		}
		w.line("%-12s  %s%s", part.name, pretty(part.json), note)
	}
	w.line("definition    version %d", found.Definition)
	w.line("last changed  %s", moment(found.LastChanged))
	w.line("last written  %s", moment(found.LastWritten))
	if !found.Removed.IsZero() {
		w.line("removed       %s: the program does not define it any more", moment(found.Removed))
	}
	for i := range found.Damaged {
		w.line("set aside     %s: %s", moment(found.Damaged[i].Found), shown(found.Damaged[i].Problem))
	}
	return w.err
}

// pretty lays JSON out over several lines, below the column of values.
func pretty(compact json.RawMessage) string {
	var text bytes.Buffer
	if err := json.Indent(&text, compact, strings.Repeat(" ", 14), "  "); err != nil {
		return string(compact) // it is JSON, so that this is never reached
	}
	return text.String()
}
