package setting

import (
	"cmp"
	"path"
	"runtime/debug"

	"github.com/synapsedb/synapse/entity/table"
)

// application finds the application's id. It depends on nothing that differs between two hosts, users or containers.
func (r *reader) application(mainPackage func() string) error {
	id := r.pick(ApplicationVariable, r.given.Application, r.names.Application)
	if id.origin == Default {
		id = r.defaultID(mainPackage)
	}
	if id.text == "" {
		return &Error{
			Setting: ApplicationVariable, Problem: "there is none, and this program has no import path, which is used then: it was built from single files",
			Allowed: "any text that stays the same, in the variable, in " + r.names.Application + " or in " + r.names.Name,
		}
	}
	if err := table.CheckID(id.text); err != nil {
		return &Error{Setting: ApplicationVariable, Origin: id.origin, Err: err}
	}
	r.settings.Application = table.Application{ID: id.text, Name: cmp.Or(r.given.Name, path.Base(cmp.Or(mainPackage(), id.text)))}
	r.settings.ApplicationOrigin = id.origin
	return nil
}

func (r *reader) defaultID(mainPackage func() string) chosen {
	if r.given.Name != "" {
		return chosen{ApplicationVariable, r.given.Name, Origin(r.names.Name)}
	}
	return chosen{ApplicationVariable, mainPackage(), MainPackage}
}

// mainPackage is the import path of the program; empty when it was built from files that were named one by one, where
// every program has the same.
func mainPackage() string {
	info, known := debug.ReadBuildInfo()
	if !known || info.Path == "command-line-arguments" {
		return ""
	}
	return info.Path
}
