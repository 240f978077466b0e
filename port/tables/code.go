package tables

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// codeSuffix is at the end of the name of a delta that is code.
const codeSuffix = ".go"

// unknownCode are the deltas that the source records, and that are code which the set lacks: one that was read from a folder has none.
func (m *move) unknownCode() (files []string) {
	known := map[string]bool{}
	for _, delta := range m.set.Deltas(m.options.To.Engine) {
		known[delta.File()] = true
	}
	for file := range m.source.state.Applied {
		if strings.HasSuffix(file, codeSuffix) && !known[file] {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

// checkCode refuses to create tables that only code makes as they have to be.
func (m *move) checkCode() []Problem {
	newest := newestFull(m.set, m.options.To.Engine)
	var missing []string
	for _, file := range m.unknownCode() {
		if versionOf(file) > newest {
			missing = append(missing, file)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []Problem{{
		ID: MissingCode, What: fmt.Sprintf("the tables come from a full schema of version %d and code that is not in the files: %s", newest, engine.List(missing)),
		Hint: "let the program that the tables are for create them in the target, and move the rows then",
	}}
}

// newestFull is the version of the full schema that an empty database is created from.
func newestFull(set *schema.Set, kind engine.Kind) (newest int) {
	found, _ := fs.Glob(set.Files(), "*/full_schemas/*/full.sql."+string(kind)) // the pattern is right
	for _, file := range found {
		if version, err := strconv.Atoi(path.Base(path.Dir(file))); err == nil && version <= set.Version() {
			newest = max(newest, version)
		}
	}
	return newest
}

func versionOf(file string) int {
	version, _ := strconv.Atoi(path.Dir(file))
	return version
}

// recordCode has the target record the code that its full schema contains, so that the program does not run it again.
func (f *filling) recordCode(ctx context.Context, tx engine.Tx) error {
	state, err := schema.ReadState(ctx, f.session)
	if err != nil {
		return err
	}
	for _, file := range f.unknownCode() {
		if _, recorded := state.Applied[file]; recorded {
			continue
		}
		if _, err := tx.Exec(ctx, "INSERT INTO applied_schema_deltas (version, file) VALUES (?, ?)", versionOf(file), file); err != nil {
			return fmt.Errorf("record %s: %w", file, err)
		}
	}
	return nil
}
