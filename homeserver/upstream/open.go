package upstream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// SetName is the name of the set. Upstream's databases do not record it: they are known by their bookkeeping.
const SetName = "upstream"

// The logical databases that files can belong to, besides schema.Common.
const (
	mainDatabase  = "main"
	stateDatabase = "state"
)

// DirectoryError says that a directory is not upstream's schema directory.
type DirectoryError struct {
	Directory string // empty when only files were given
	Problem   string
	Hint      string
	Err       error // may be nil
}

// Error says what to do.
func (e *DirectoryError) Error() string {
	text := "the schema directory"
	if e.Directory != "" {
		text += " " + e.Directory
	}
	return text + ": " + e.Problem + "; " + e.Hint
}

// Unwrap gives the cause.
func (e *DirectoryError) Unwrap() error { return e.Err }

// Open reads upstream's schema directory (…/synapse/storage/schema), with its SCHEMA_VERSION and SCHEMA_COMPAT_VERSION.
// Links that lead out of it are not followed. The error is a *DirectoryError, a *ConstantError or a *schema.SetError.
func Open(dir string) (*schema.Set, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &DirectoryError{Directory: dir, Problem: "it cannot be opened: " + reason(err), Hint: whichDirectory, Err: err}
	}
	set, err := Read(root.FS()) // the set keeps its files; the directory is closed when the set is no longer used
	if err == nil {
		return set, nil
	}
	if refusal, refused := errors.AsType[*DirectoryError](err); refused {
		refusal.Directory = dir
	} else if constant, wrong := errors.AsType[*ConstantError](err); wrong {
		constant.Directory = dir
	} else {
		err = fmt.Errorf("the schema directory %s: %w", dir, err)
	}
	return nil, errors.Join(err, root.Close())
}

const whichDirectory = "give the directory synapse/storage/schema of an installed server, which holds __init__.py, common, main and state"

// reason leaves the path out of an error that is told with it.
func reason(err error) string {
	if wrong, isPath := errors.AsType[*fs.PathError](err); isPath {
		return wrong.Err.Error()
	}
	return err.Error()
}

// Read is Open for files that are somewhere else.
func Read(files fs.FS) (*schema.Set, error) {
	content, err := fs.ReadFile(files, constantsFile)
	if err != nil {
		return nil, explainMissing(files, err)
	}
	version, err := readConstant(string(content), versionConstant)
	if err != nil {
		return nil, err
	}
	compatVersion, err := readConstant(string(content), compatVersionConstant)
	if err != nil {
		return nil, err
	}
	check := checker{version: version}
	return schema.New(schema.Definition{
		Name: SetName, Version: version, CompatVersion: compatVersion,
		Engines: []engine.Kind{engine.SQLite, engine.Postgres}, Databases: []string{mainDatabase, stateDatabase},
		Files: files, GoDeltas: goDeltas(), CheckServer: homeserver.CheckServer, CheckDatabase: check.database, Rules: schema.Upstream,
	})
}

// explainMissing looks a few levels down, where somebody who gave another folder of upstream's meant to point.
func explainMissing(files fs.FS, cause error) error {
	if !errors.Is(cause, fs.ErrNotExist) {
		return &DirectoryError{Problem: constantsFile + " cannot be read: " + reason(cause), Hint: "let this user read the directory", Err: cause}
	}
	for _, below := range []string{"schema", "storage/schema", "synapse/storage/schema"} {
		if _, err := fs.Stat(files, below+"/"+constantsFile); err == nil {
			return &DirectoryError{Problem: "it holds no " + constantsFile, Hint: "give " + below + " in it", Err: cause}
		}
	}
	return &DirectoryError{Problem: "it holds no " + constantsFile, Hint: whichDirectory, Err: cause}
}

// checker looks at an existing database before anything is written.
type checker struct{ version int }

func (c checker) database(ctx context.Context, database engine.Querier, logical []string, config any) error {
	if !slices.Contains(logical, mainDatabase) {
		return nil
	}
	if name := configured(config); name != "" {
		return homeserver.CheckServerName(ctx, database, name)
	}
	return c.nameless(ctx, database)
}

const lastVersionSQL = `SELECT coalesce(max(version), 0) FROM schema_version`

// nameless refuses an upgrade that would come to ask for the server's name, and could not find it among the users.
func (c checker) nameless(ctx context.Context, database engine.Querier) error {
	var version int
	if err := database.QueryRow(ctx, lastVersionSQL).Scan(&version); err != nil {
		return fmt.Errorf("read the version: %w", err)
	}
	if version >= nameVersion || c.version < nameVersion {
		return nil
	}
	for _, table := range []string{profilesTable, filtersTable} {
		if _, err := serverName(ctx, database, homeserver.Config{}, table); err != nil {
			return err
		}
	}
	return nil
}

// configured is the server's name as far as somebody has given it.
func configured(config any) string {
	given, isConfig := config.(homeserver.Config)
	if !isConfig {
		return ""
	}
	return given.ServerName
}

// serverName is the name that completes the user ids of a table. It is not needed for a table without rows.
func serverName(ctx context.Context, database engine.Querier, config any, table string) (string, error) {
	if name := configured(config); name != "" {
		return name, nil
	}
	_, found, err := homeserver.FindServerName(ctx, database)
	if err != nil || found != "" {
		return found, err
	}
	var rows bool
	if err := database.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+")").Scan(&rows); err != nil {
		return "", fmt.Errorf("look for rows of %s: %w", table, err)
	}
	if rows {
		return "", &homeserver.ServerNameError{}
	}
	return "", nil
}
