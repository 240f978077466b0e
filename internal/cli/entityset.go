package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/entity/significance"
	"github.com/synapsedb/synapse/entity/table"
)

const entitySetHelp = `Change what is stored of an entity: its state, its attributes, single locals. The program
begins with it at its next start. It must not be running; what it writes would replace the
change.

Values are JSON: a text is given with its quotes, '"eco"'. Whether they fit the program's
types only the program knows; what does not is set aside at its start.
`

// SetEntity is what "synapse entity set --json" prints.
type SetEntity struct {
	Application string `json:"application"`
	ID          string `json:"id"`
	// Created says that there was no such entity.
	Created bool `json:"created"`
	// Changed names what is another value than before: state, attributes, locals.
	Changed []string `json:"changed"`
}

type entitySetFlags struct {
	entityFlags

	id, state, attributes string
	locals                []string
	definition            int64
	create                bool
}

func (e *environment) entitySet() *cobra.Command {
	flags := &entitySetFlags{}
	command := &cobra.Command{
		Use:   "set ID [--state JSON] [--attributes JSON] [--local NAME=JSON]…",
		Short: "Change an entity's stored state, attributes or locals",
		Long:  entitySetHelp + entityExits,
		Example: "  synapse entity set thermostat --state '21.5' --local 'schedule={\"night\":17}'\n" +
			"  synapse entity set mode --state '\"eco\"' --create --application porch",
		Args: entityArguments(1, 1),
		RunE: func(command *cobra.Command, ids []string) error {
			flags.id = ids[0]
			return e.runEntitySet(command.Context(), flags)
		},
	}
	flags.where(command)
	set := command.Flags()
	set.StringVar(&flags.application, "application", "", "the `ID` of the application; not needed when the database has one only")
	set.StringVar(&flags.state, "state", "", "the new state, `JSON`")
	set.StringVar(&flags.attributes, "attributes", "", "the new attributes, `JSON`, instead of all that there are")
	set.StringArrayVar(&flags.locals, "local", nil, "a local's new value, `NAME=JSON`; may be repeated. Others stay")
	set.BoolVar(&flags.create, "create", false, "make the entity, and the application, if it is not there")
	set.Int64Var(&flags.definition, "definition", 0, "the `version` of the program's definition that the values of a new entity are of")
	set.BoolVar(&flags.json, "json", false, "print what was done as JSON")
	return command
}

// entityArguments refuses other numbers of IDs.
func entityArguments(least, most int) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return &usageError{fmt.Errorf("%s\nsee %s --help", command.UseLine(), command.CommandPath())}
		}
		return nil
	}
}

// entityValues are what is to be set; nil stays as it is.
type entityValues struct {
	state, attributes []byte
	names             []string // of locals, in order
	locals            map[string]json.RawMessage
}

func (f *entitySetFlags) values() (*entityValues, error) {
	values := &entityValues{locals: map[string]json.RawMessage{}}
	var problems []error
	read := func(flag, text string) []byte {
		value, err := givenJSON(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", flag, err))
		}
		return value
	}
	if f.state != "" {
		values.state = read("--state", f.state)
	}
	if f.attributes != "" {
		values.attributes = read("--attributes", f.attributes)
	}
	for _, local := range f.locals {
		name, text, found := strings.Cut(local, "=")
		if !found || name == "" {
			problems = append(problems, fmt.Errorf("--local %s: it is to be NAME=JSON", shown(local)))
			continue
		}
		values.names = append(values.names, name)
		values.locals[name] = read("--local "+shown(name), text)
	}
	if f.state == "" && f.attributes == "" && f.locals == nil {
		problems = append(problems, errors.New("say what to set: --state, --attributes or --local"))
	}
	if f.definition != 0 && !f.create {
		problems = append(problems, errors.New("--definition is for a new entity, with --create; a stored one keeps its own"))
	}
	if err := errors.Join(append(problems, table.CheckID(f.id))...); err != nil {
		return nil, &usageError{err}
	}
	return values, nil
}

// givenJSON takes the white space between tokens away.
func givenJSON(text string) ([]byte, error) {
	var compact bytes.Buffer
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not valid UTF-8")
	}
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w; a text needs its quotes: '\"text\"'", err)
	}
	return compact.Bytes(), nil
}

func (e *environment) runEntitySet(ctx context.Context, flags *entitySetFlags) error {
	values, err := flags.values()
	if err != nil {
		return err
	}
	place, err := e.entityPlace(&flags.entityFlags)
	if err != nil {
		return err
	}
	var done *SetEntity
	change := func(opened *table.Table, application table.Application) (err error) {
		done, err = flags.set(ctx, opened, application, values)
		return err
	}
	if flags.create && place.application != "" {
		err = e.createEntities(ctx, place, change)
	} else {
		err = e.changeEntities(ctx, place, change)
	}
	if err != nil {
		return err
	}
	if flags.json {
		return e.printJSON(done)
	}
	w := &reportWriter{writer: e.stdout}
	verb := "Set"
	if done.Created {
		verb = "Created"
	}
	w.line("%s %s: %s", verb, shown(done.ID), orNone(done.Changed))
	return w.err
}

// set writes the values into an entity's row.
func (f *entitySetFlags) set(ctx context.Context, opened *table.Table, application table.Application, values *entityValues) (*SetEntity, error) {
	stored, err := loadContents(ctx, opened, application)
	if err != nil {
		return nil, err
	}
	row, there := stored.row(f.id)
	if !there && !f.create {
		return nil, &unknownEntitiesError{application: application, ids: []string{f.id}, hint: "--create makes it"}
	}
	done := &SetEntity{Application: application.ID, ID: f.id, Created: !there, Changed: []string{}}
	now := time.Now()
	if !there {
		row = table.Row{ID: f.id, State: []byte("null"), Attributes: []byte("{}"), Locals: []byte("{}"), Definition: f.definition, LastChanged: now}
	}
	if replace(&row.State, values.state) {
		done.Changed, row.LastChanged = append(done.Changed, "state"), now
	}
	if replace(&row.Attributes, values.attributes) {
		done.Changed, row.LastChanged = append(done.Changed, "attributes"), now
	}
	locals, err := values.mergeLocals(row.Locals)
	if err != nil {
		return nil, fmt.Errorf("the entity %s: %w", shown(f.id), err)
	}
	if replace(&row.Locals, locals) {
		done.Changed = append(done.Changed, "locals")
	}
	if there && len(done.Changed) == 0 {
		return done, nil
	}
	row.LastWritten = now
	return done, opened.Write(ctx, []table.Change{{ID: f.id, Row: &row}})
}

// replace puts a value in place of another one, and reports whether they differ as JSON. A value that is nil is none.
func replace(value *[]byte, by []byte) bool {
	if by == nil {
		return false
	}
	equal, err := significance.Equal(*value, by)
	*value = by
	return err != nil || !equal
}

// mergeLocals gives nil when none is to be set.
func (v *entityValues) mergeLocals(stored []byte) ([]byte, error) {
	if len(v.names) == 0 {
		return nil, nil
	}
	locals := map[string]json.RawMessage{}
	if err := json.Unmarshal(stored, &locals); err != nil || locals == nil {
		return nil, errors.New("its stored locals are no JSON object; the program sets them aside at its start")
	}
	for _, name := range v.names {
		locals[name] = v.locals[name]
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(locals)
	return bytes.TrimSpace(text.Bytes()), err
}
