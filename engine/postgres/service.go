package postgres

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jackc/pgservicefile"

	"github.com/synapsedb/synapse/engine"
)

// service reads the section of the service file that the settings name. Its
// keys are checked like all others, so that none reaches the server as a
// run-time parameter.
func (r *reader) service(explicit, environment settings) settings {
	chosen := settings{}.over(explicit).over(environment)
	name := chosen["service"]
	if name.value == "" {
		return nil
	}
	for _, file := range r.serviceFiles(chosen.value("servicefile")) {
		section, found := r.serviceSection(file, name.value)
		if !found {
			continue
		}
		explicit["servicefile"] = setting{value: file}
		return r.foreign(section, "service file "+file)
	}
	if r.err() == nil {
		r.reject(&engine.ValueError{Key: "service", Origin: name.origin, Problem: "no service file has a section of this name"})
	}
	return nil
}

// serviceFiles lists the files to look into: the given one or the user's own,
// then the system's.
func (r *reader) serviceFiles(given string) []string {
	files := []string{given}
	if given == "" {
		files[0] = r.inHome(".pg_service.conf")
	}
	if folder, _ := r.environment("PGSYSCONFDIR"); folder != "" {
		files = append(files, filepath.Join(folder, "pg_service.conf"))
	}
	return files
}

func (r *reader) serviceSection(file, name string) (map[string]string, bool) {
	parsed, err := pgservicefile.ReadServicefile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		r.reject(&engine.Error{Op: "read", Object: "service file " + file, Err: err})
		return nil, false
	}
	section, err := parsed.GetService(name)
	if err != nil {
		return nil, false
	}
	return section.Settings, true
}

// inHome names a file in the user's home directory; it is empty when there is
// no home.
func (r *reader) inHome(elements ...string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(append([]string{home}, elements...)...)
}
