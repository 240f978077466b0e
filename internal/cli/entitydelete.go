package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/entity/table"
)

// DeletedEntities is what "synapse entity delete", "reset" and "gc" print with --json.
type DeletedEntities struct {
	Application string `json:"application"`
	// DryRun says that nothing was deleted, only looked for.
	DryRun bool `json:"dry_run,omitempty"`
	// Deleted are the IDs.
	Deleted []string `json:"deleted"`
	// DamagedDeleted counts the rows that had been set aside.
	DamagedDeleted int `json:"damaged_deleted"`
}

func (e *environment) entityDelete() *cobra.Command {
	flags := &entityFlags{}
	command := &cobra.Command{
		Use:   "delete ID…",
		Short: "Delete what is stored of entities",
		Long: "Delete what is stored of entities: all of those that are named, or, if one is not there, none. A\n" +
			"program that defines one begins with its default. The program must not be running. Rows that\nwere set aside stay; synapse entity gc --damaged deletes them.\n" + entityExits,
		Example: "  synapse entity delete old-lamp older-lamp",
		Args:    entityArguments(1, math.MaxInt),
		RunE: func(command *cobra.Command, ids []string) error {
			return e.deleteEntities(command.Context(), flags, func(there *entityContents) ([]string, []table.Damaged, error) {
				return there.named(ids)
			})
		},
	}
	flags.register(command, "what was deleted")
	return command
}

func (e *environment) entityReset() *cobra.Command {
	flags := &entityFlags{}
	yes := false
	command := &cobra.Command{
		Use:   "reset --yes",
		Short: "Delete all that is stored of an application's entities",
		Long: "Delete all that is stored of an application's entities, with the rows that were set aside. Its\n" +
			"program, which must not be running, begins with its defaults. Without --yes nothing is deleted,\nonly counted.\n" + entityExits,
		Example: "  synapse entity export --output before.jsonl\n  synapse entity reset --yes",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			if !yes {
				return e.refuseReset(ctx, flags)
			}
			return e.deleteEntities(ctx, flags, func(there *entityContents) ([]string, []table.Damaged, error) {
				return there.ids(), there.damaged, nil
			})
		},
	}
	flags.register(command, "what was deleted")
	command.Flags().BoolVar(&yes, "yes", false, "do it")
	return command
}

// refuseReset says what a reset would delete.
func (e *environment) refuseReset(ctx context.Context, flags *entityFlags) error {
	place, err := e.entityPlace(flags)
	if err != nil {
		return err
	}
	return e.viewEntities(ctx, place, func(viewer *table.Viewer) error {
		application, err := place.choose(ctx, viewer)
		if err != nil {
			return err
		}
		there, err := readContents(ctx, viewer, application.Application)
		if err != nil {
			return err
		}
		return &usageError{fmt.Errorf("this deletes the state of all %s of the application %s, and %s; say --yes to do it",
			entities(len(there.rows)), applicationText(application.Application), count(len(there.damaged), "damaged row"))}
	})
}

type entityGCFlags struct {
	entityFlags

	olderThan       string
	damaged, dryRun bool
}

func (e *environment) entityGC() *cobra.Command {
	flags := &entityGCFlags{}
	command := &cobra.Command{
		Use:   "gc",
		Short: "Delete the rows of entities that the program no longer defines",
		Long: "Delete what is stored of entities that the program was found not to define any more. It is kept\n" +
			"until then, so that an entity that comes back has its state. The program must not be running.\n" + entityExits,
		Example: "  synapse entity gc --older-than 30d --dry-run\n  synapse entity gc --older-than 30d --damaged",
		Args:    noArguments,
		RunE:    func(command *cobra.Command, _ []string) error { return e.runEntityGC(command.Context(), flags) },
	}
	flags.register(command, "what was deleted")
	set := command.Flags()
	set.StringVar(&flags.olderThan, "older-than", "0s", "delete only what was removed, or set aside, longer ago than this `duration`, such as 12h or 30d")
	set.BoolVar(&flags.damaged, "damaged", false, "delete the rows, too, that were set aside because the program could not read them")
	set.BoolVar(&flags.dryRun, "dry-run", false, "only say what would be deleted; the program may be running")
	return command
}

func (e *environment) runEntityGC(ctx context.Context, flags *entityGCFlags) error {
	age, err := parseAge(flags.olderThan)
	if err != nil {
		return &usageError{fmt.Errorf("--older-than: %w", err)}
	}
	before := time.Now().Add(-age)
	choose := func(there *entityContents) ([]string, []table.Damaged, error) {
		return there.removedBefore(before), there.damagedBefore(before, flags.damaged), nil
	}
	if flags.dryRun {
		return e.wouldDelete(ctx, &flags.entityFlags, choose)
	}
	return e.deleteEntities(ctx, &flags.entityFlags, choose)
}

// parseAge reads a duration, which may be in days.
func parseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	wrong := fmt.Errorf("%q is no duration; give one such as 90m, 12h or 30d", text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		number, err := strconv.ParseFloat(days, 64)
		if err != nil || number < 0 || number > float64(math.MaxInt64/day) || math.IsNaN(number) {
			return 0, wrong
		}
		return time.Duration(number * float64(day)), nil
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, wrong
	}
	return age, nil
}

// chooseEntities says which entities' rows are to be deleted, and which of those that were set aside.
type chooseEntities func(*entityContents) ([]string, []table.Damaged, error)

// deleteEntities deletes entities in one transaction, and rows that were set aside in another one.
func (e *environment) deleteEntities(ctx context.Context, flags *entityFlags, choose chooseEntities) error {
	place, err := e.entityPlace(flags)
	if err != nil {
		return err
	}
	var done *DeletedEntities
	err = e.changeEntities(ctx, place, func(opened *table.Table, application table.Application) error {
		there, err := loadContents(ctx, opened, application)
		if err != nil {
			return err
		}
		ids, damaged, err := choose(there)
		if err != nil {
			return err
		}
		done = &DeletedEntities{Application: application.ID, Deleted: ids, DamagedDeleted: len(damaged)}
		changes := make([]table.Change, 0, len(ids)+len(damaged))
		for _, id := range ids {
			changes = append(changes, table.Change{ID: id, Delete: true})
		}
		if len(changes) > 0 {
			err = opened.Write(ctx, changes)
		}
		if err == nil && len(damaged) > 0 {
			err = opened.DeleteDamaged(ctx, damaged)
		}
		return err
	})
	if err != nil {
		return err
	}
	return e.printDeleted(done, flags.json)
}

// wouldDelete says what would be deleted.
func (e *environment) wouldDelete(ctx context.Context, flags *entityFlags, choose chooseEntities) error {
	place, err := e.entityPlace(flags)
	if err != nil {
		return err
	}
	var would *DeletedEntities
	err = e.viewEntities(ctx, place, func(viewer *table.Viewer) error {
		application, err := place.choose(ctx, viewer)
		if err != nil {
			return err
		}
		there, err := readContents(ctx, viewer, application.Application)
		if err != nil {
			return err
		}
		ids, aside, err := choose(there)
		would = &DeletedEntities{Application: application.ID, DryRun: true, Deleted: ids, DamagedDeleted: len(aside)}
		return err
	})
	if err != nil {
		return err
	}
	return e.printDeleted(would, flags.json)
}

func (e *environment) printDeleted(done *DeletedEntities, asJSON bool) error {
	if asJSON {
		return e.printJSON(done)
	}
	verb := "Deleted"
	if done.DryRun {
		verb = "Would delete"
	}
	w := &reportWriter{writer: e.stdout}
	for _, id := range done.Deleted {
		w.line("%s %s", verb, shown(id))
	}
	w.line("%s %s and %s of the application %s", verb, entities(len(done.Deleted)), count(done.DamagedDeleted, "damaged row"), shown(done.Application))
	return w.err
}

func entities(number int) string {
	if number == 1 {
		return "1 entity"
	}
	return strconv.Itoa(number) + " entities"
}
