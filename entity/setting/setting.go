package setting

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/entity/table"
)

// The variables of the environment that are read.
const (
	// TypeVariable is sqlite, postgresql or mysql.
	TypeVariable = "SYNAPSE_DATABASE_TYPE"
	// URLVariable is a path or a file: URI of SQLite, or postgresql://… or mysql://….
	URLVariable = "SYNAPSE_DATABASE_URL"
	// ApplicationVariable is the application's id.
	ApplicationVariable = "SYNAPSE_METADATA_UNIQUE_ID"
)

// DefaultFile is the SQLite database that is used when nothing is said, in the working directory.
const DefaultFile = "synapse_storage.db"

// Given is what a program's code, or the flags of a command, say. An empty field says nothing.
type Given struct {
	// Application is the application's id: any text that stays the same.
	Application string
	// Name is the program's in words. It is the id, too, when there is no other.
	Name string
	// Type is a name of an engine, URL where its database is. A temporary database of SQLite is the URL "file:".
	Type, URL string

	// First has what is given come before the environment, as flags of a command do.
	First bool
	// Names are what messages call the fields; those of entity.Config where they are empty.
	Names Names
}

// Names are what the user of a program knows the fields of Given by, such as "--database".
type Names struct{ Application, Name, Type, URL string }

func (n Names) complete() Names {
	return Names{
		Application: cmp.Or(n.Application, "Config.Application"), Name: cmp.Or(n.Name, "Config.Name"),
		Type: cmp.Or(n.Type, "Config.Type"), URL: cmp.Or(n.URL, "Config.URL"),
	}
}

// Settings are what Read has found.
type Settings struct {
	Database    synapse.Database // Label is "entity"
	Application table.Application

	// TypeOrigin, URLOrigin and ApplicationOrigin say where each came from, for messages.
	TypeOrigin, URLOrigin, ApplicationOrigin Origin
	// Warnings are for the log.
	Warnings []Warning
}

// Origin says in words where a setting came from: "the environment", "Config.URL", "the default".
type Origin string

// The origins that are no fields of Given.
const (
	Environment Origin = "the environment"
	Default     Origin = "the default"
	// FromScheme is the origin of a type that was not given: what the URL begins with.
	FromScheme Origin = "the URL"
	// MainPackage is the origin of an id that was not given: the import path of the program's main package.
	MainPackage Origin = "the main package"
)

// Warning is about a setting that does not do what somebody may expect. It holds no value.
type Warning struct {
	Setting string // the variable's name
	Message string
}

// String gives the setting and the message.
func (w Warning) String() string { return w.Setting + ": " + w.Message }

// Read puts together what is given and what the environment says; lookup is os.LookupEnv, or nil to leave it out. A
// variable that is set but empty counts as not set, with a warning: an empty URL, which SQLite takes for a temporary
// database, would otherwise lose all state without a word.
//
// All problems are reported together, joined, each as an *Error or a *table.IDError within one. What only opening can
// tell, see Settings.Explain.
func Read(given Given, lookup func(name string) (value string, set bool)) (*Settings, error) {
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	r := &reader{given: given, names: given.Names.complete(), lookup: lookup, settings: &Settings{}}
	kind := r.pick(TypeVariable, given.Type, r.names.Type)
	place := r.pick(URLVariable, given.URL, r.names.URL)
	err := errors.Join(r.database(kind, place), r.application(mainPackage))
	if err != nil {
		return nil, err
	}
	return r.settings, nil
}

type reader struct {
	given    Given
	names    Names
	lookup   func(string) (string, bool)
	settings *Settings
}

// chosen is a setting's text, and where it came from.
type chosen struct {
	variable string
	text     string
	origin   Origin
}

func (c chosen) problem(problem, allowed string) error {
	return &Error{Setting: c.variable, Origin: c.origin, Problem: problem, Allowed: allowed}
}

// pick decides between the environment and what is given.
func (r *reader) pick(variable, given, name string) chosen {
	own := chosen{variable: variable, text: given, origin: Origin(name)}
	if given == "" {
		own.origin = Default
	} else if r.given.First {
		return own
	}
	value, set := r.lookup(variable)
	switch {
	case !set:
		return own
	case value == "":
		r.warn(variable, fmt.Sprintf("it is set but empty, which is not used; %s holds", own.origin))
		return own
	}
	return chosen{variable: variable, text: value, origin: Environment}
}

func (r *reader) warn(variable, message string) {
	r.settings.Warnings = append(r.settings.Warnings, Warning{Setting: variable, Message: message})
}
