package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

func checkHeader(_ context.Context, _ engine.Querier, path string) ([]finding.Finding, error) {
	info, err := sqlite.Inspect(path)
	if hot, isHot := errors.AsType[*sqlite.HotJournalError](err); isHot {
		return []finding.Finding{journalLeft(hot.Path, hot.Journal)}, nil
	}
	if wrong, isWrong := errors.AsType[*sqlite.FileError](err); isWrong && wrong.Problem == sqlite.Empty {
		return nil, nil // a new database, with nothing to be wrong
	}
	if err != nil {
		return nil, err
	}
	return judge(info), nil
}

func judge(info *sqlite.FileInfo) (found []finding.Finding) {
	if info.JournalMode != "wal" {
		found = append(found, finding.Finding{
			ID: JournalMode, Severity: finding.Info, What: "the database is not in WAL mode", Evidence: []string{"journal mode " + info.JournalMode},
			Meaning: "who reads and who writes exclude each other; a homeserver changes it when it starts",
			Remedy:  finding.Remedy{Text: "nothing, or with the homeserver stopped", Commands: []string{"PRAGMA journal_mode = WAL;"}},
		})
	}
	if info.AutoVacuum {
		found = append(found, finding.Finding{
			ID: AutoVacuum, Severity: finding.Warning, What: "auto_vacuum is on", Evidence: []string{"the header of the file"},
			Meaning: "each delete moves pages about, which scatters tables over the file, and it has broken moves to PostgreSQL by the homeserver's own script",
			Remedy: finding.Remedy{Text: "turn it off with the homeserver stopped; VACUUM needs the size of the database again on the disk",
				Commands: []string{"PRAGMA auto_vacuum = NONE;", "VACUUM;"}},
		})
	}
	if info.Encoding != "UTF-8" {
		found = append(found, finding.Finding{
			ID: Encoding, Severity: finding.Warning, What: "texts are stored as " + info.Encoding, Evidence: []string{"the header of the file"},
			Meaning: "no homeserver makes its database so, and texts take twice the space",
			Remedy:  finding.Remedy{Text: "make a new file with encoding UTF-8 and load a dump into it", Commands: []string{fmt.Sprintf("sqlite3 %s .dump | sed '1i PRAGMA encoding = \"UTF-8\";' | sqlite3 %s", shellWord(info.Path), shellWord(info.Path+".utf8"))}},
		})
	}
	if info.Newer {
		found = append(found, finding.Finding{
			ID: WrittenNewer, Severity: finding.Info, What: "the file was written by SQLite " + info.WrittenBy + ", which is newer than this program's " + info.SQLiteVersion,
			Evidence: []string{"the header of the file"}, Meaning: "what the newer one has added to the schema, if anything, this program cannot read",
			Remedy: finding.Remedy{Text: "use a newer version of this program, if it reports errors of the schema"},
		})
	}
	return append(found, logLeft(info)...)
}

// logLeft looks whether anybody has the file open, as far as this user may see that.
func logLeft(info *sqlite.FileInfo) []finding.Finding {
	if info.WALBytes == 0 || info.InUse {
		return nil
	}
	return []finding.Finding{{
		ID: LogLeft, Severity: finding.Warning, What: "a write-ahead log was left beside the file, and nobody has it open",
		Evidence: []string{fmt.Sprintf("%s-wal of %d bytes", info.Path, info.WALBytes)},
		Meaning:  "the process that used it last was killed; the newest commits are in the log alone, and a copy of the file without it lacks them",
		Remedy:   finding.Remedy{Text: "start the homeserver once, or stop it in order; never delete the log, and copy the file only together with it (synapse snapshot does)"},
	}}
}
