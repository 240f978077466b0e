package cli

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/entity/table"
)

// ListedApplication is an application with its entities, as "synapse entity list --json" prints it.
type ListedApplication struct {
	Application string `json:"application"`
	Name        string `json:"name"`
	// OpenedBy is the host and the process that had it open last, or has it open now, and Opened since when.
	OpenedBy string         `json:"opened_by"`
	Opened   time.Time      `json:"opened"`
	Entities []ListedEntity `json:"entities"`
	// Damaged are the rows that were set aside.
	Damaged []DamagedEntity `json:"damaged"`
}

// ListedEntity is what the database has of an entity.
type ListedEntity struct {
	ID          string          `json:"id"`
	State       json.RawMessage `json:"state"`
	Attributes  json.RawMessage `json:"attributes"`
	Locals      json.RawMessage `json:"locals"`
	Definition  int64           `json:"definition"`
	LastChanged time.Time       `json:"last_changed"`
	LastWritten time.Time       `json:"last_written"`
	// Removed is since when the program has not defined it.
	Removed time.Time `json:"removed,omitzero"`
	// NoJSON names the parts that are no JSON, and are printed as a text.
	NoJSON []string `json:"no_json,omitempty"`
}

// DamagedEntity is a row that was set aside.
type DamagedEntity struct {
	ListedEntity

	Found   time.Time `json:"found"`
	Problem string    `json:"problem"`
}

type entityListFlags struct {
	entityFlags

	all, removed, damaged bool
}

func (e *environment) entityList() *cobra.Command {
	flags := &entityListFlags{}
	command := &cobra.Command{
		Use:     "list",
		Short:   "List entities with their state",
		Long:    "List the entities of an application with their state, those too that its program no longer\ndefines. It may be run beside the program.\n" + entityExits,
		Example: "  synapse entity list\n  synapse entity list --database postgresql://synapse@db/home --all",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if flags.removed && flags.damaged {
				return &usageError{errors.New("--removed and --damaged list different things; give one of them")}
			}
			if flags.all && flags.application != "" {
				return &usageError{errors.New("--all lists every application, and --application one; give one of them")}
			}
			return e.runEntityList(command.Context(), flags)
		},
	}
	flags.register(command, "whole entities")
	set := command.Flags()
	set.BoolVar(&flags.all, "all", false, "list all applications of the database")
	set.BoolVar(&flags.removed, "removed", false, "list only what the program no longer defines")
	set.BoolVar(&flags.damaged, "damaged", false, "list the rows that were set aside because the program could not read them")
	return command
}

func (e *environment) runEntityList(ctx context.Context, flags *entityListFlags) error {
	place, err := e.entityPlace(&flags.entityFlags)
	if err != nil {
		return err
	}
	listed := []ListedApplication{}
	err = e.viewEntities(ctx, place, func(viewer *table.Viewer) error {
		applications, err := place.chooseSeveral(ctx, viewer, flags.all)
		if err != nil {
			return err
		}
		for i := range applications {
			one, err := flags.list(ctx, viewer, &applications[i])
			if err != nil {
				return err
			}
			listed = append(listed, *one)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if flags.json {
		return e.printJSON(listed)
	}
	return e.printEntities(listed, flags.damaged)
}

// chooseSeveral is one application, or all, sorted by their IDs.
func (p *entityPlace) chooseSeveral(ctx context.Context, viewer *table.Viewer, all bool) ([]table.Known, error) {
	if !all {
		one, err := p.choose(ctx, viewer)
		if err != nil {
			return nil, err
		}
		return []table.Known{*one}, nil
	}
	known, err := viewer.Applications(ctx)
	slices.SortFunc(known, func(a, b table.Known) int { return strings.Compare(a.ID, b.ID) })
	return known, err
}

func (f *entityListFlags) list(ctx context.Context, viewer *table.Viewer, application *table.Known) (*ListedApplication, error) {
	there, err := readContents(ctx, viewer, application.Application)
	if err != nil {
		return nil, err
	}
	one := &ListedApplication{
		Application: application.ID, Name: application.Name, OpenedBy: application.Holder, Opened: application.Started,
		Entities: []ListedEntity{}, Damaged: []DamagedEntity{},
	}
	for i := range there.rows {
		if !f.damaged && (!f.removed || !there.rows[i].Removed.IsZero()) {
			one.Entities = append(one.Entities, listEntity(&there.rows[i]))
		}
	}
	for i := range there.damaged {
		if !f.removed {
			one.Damaged = append(one.Damaged, listDamaged(&there.damaged[i]))
		}
	}
	return one, nil
}

func listEntity(row *table.Row) ListedEntity {
	one := ListedEntity{ID: row.ID, Definition: row.Definition, LastChanged: row.LastChanged, LastWritten: row.LastWritten, Removed: row.Removed}
	one.State = one.json("state", row.State)
	one.Attributes = one.json("attributes", row.Attributes)
	one.Locals = one.json("locals", row.Locals)
	return one
}

// json is a part as JSON, which it should be.
func (e *ListedEntity) json(name string, part []byte) json.RawMessage {
	if json.Valid(part) {
		return part
	}
	e.NoJSON = append(e.NoJSON, name)
	return quoteJSON(string(part))
}

func listDamaged(row *table.Damaged) DamagedEntity {
	return DamagedEntity{ListedEntity: listEntity(&row.Row), Found: row.Found, Problem: row.Problem}
}

func (e *environment) printEntities(listed []ListedApplication, damaged bool) error {
	w := &reportWriter{writer: e.stdout}
	for i := range listed {
		one := &listed[i]
		w.line("%s: %s", applicationText(table.Application{ID: one.Application, Name: one.Name}), one.summary(damaged))
		if damaged {
			one.printDamaged(w)
		} else {
			one.printEntities(w)
		}
	}
	if len(listed) == 0 {
		w.line("no application")
	}
	return w.err
}

// summary counts.
func (a *ListedApplication) summary(damaged bool) string {
	if damaged {
		return count(len(a.Damaged), "damaged row")
	}
	text := "no entity"
	switch len(a.Entities) {
	case 0:
	case 1:
		text = "1 entity"
	default:
		text = number(int64(len(a.Entities))) + " entities"
	}
	removed := 0
	for i := range a.Entities {
		if !a.Entities[i].Removed.IsZero() {
			removed++
		}
	}
	if removed > 0 {
		text += ", " + number(int64(removed)) + " of them removed"
	}
	if len(a.Damaged) > 0 {
		text += ", " + count(len(a.Damaged), "damaged row")
	}
	return text
}

func (a *ListedApplication) printEntities(w *reportWriter) {
	rows := [][]string{}
	for i := range a.Entities {
		one := &a.Entities[i]
		removed := ""
		if !one.Removed.IsZero() {
			removed = moment(one.Removed)
		}
		rows = append(rows, []string{shown(one.ID), shorten(string(one.State)), moment(one.LastChanged), removed})
	}
	w.columns([]string{"id", "state", "last changed", "removed"}, rows)
}

func (a *ListedApplication) printDamaged(w *reportWriter) {
	rows := [][]string{}
	for i := range a.Damaged {
		one := &a.Damaged[i]
		rows = append(rows, []string{shown(one.ID), moment(one.Found), shown(one.Problem)})
	}
	w.columns([]string{"id", "found", "problem"}, rows)
}

// columns writes rows below each other, indented, with a head if there are any.
func (w *reportWriter) columns(head []string, rows [][]string) {
	if len(rows) == 0 || w.err != nil {
		return
	}
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		if _, w.err = columns.Write([]byte("  " + strings.Join(row, "\t") + "\n")); w.err != nil {
			return
		}
	}
	if w.err = columns.Flush(); w.err != nil {
		return
	}
	for line := range strings.Lines(text.String()) {
		w.line("%s", strings.TrimRight(line, " \n"))
	}
}

// moment is a time to the second, in UTC.
func moment(of time.Time) string { return of.UTC().Format(time.RFC3339) }

// shown is a text as it is, or quoted where that would not show it in one line.
func shown(text string) string {
	printable := text != "" && utf8.ValidString(text) && strings.TrimSpace(text) == text
	if !printable || strings.ContainsFunc(text, func(letter rune) bool { return !unicode.IsPrint(letter) }) {
		return strconv.Quote(text)
	}
	return text
}

// shorten cuts a value for a list.
func shorten(text string) string {
	const most = 40
	letters := []rune(text)
	if len(letters) > most {
		return shown(string(letters[:most-1])) + "…"
	}
	return shown(text)
}
