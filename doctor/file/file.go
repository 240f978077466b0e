package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// The findings.
const (
	Damaged       = "file_damaged"
	IndexDamaged  = "file_index_damaged"
	NotRead       = "file_not_read"
	JournalMode   = "file_journal_mode"
	AutoVacuum    = "file_auto_vacuum"
	Encoding      = "file_encoding"
	WrittenNewer  = "file_written_newer"
	LogLeft       = "file_log_left"
	JournalLeft   = "file_journal_left"
	NotWritable   = "file_not_writable"
	OtherOwner    = "file_other_owner"
	OthersMayRead = "file_others_may_read"
	NetworkMount  = "file_network_mount"
	FreePages     = "file_free_pages"
)

// Checks are the checks of this package.
func Checks() []finding.Check {
	only := []engine.Kind{engine.SQLite}
	return []finding.Check{
		{Name: "file", Engines: only, Reads: "the header of the file, and what lies beside it", Run: onFile(checkHeader)},
		{Name: "file_rights", Engines: only, Reads: "who may read and write the file and its folder, and the file system", Run: onFile(checkRights)},
		{Name: "file_space", Engines: only, Reads: "the numbers of pages", Run: onFile(checkSpace)},
		{Name: "file_pages", Engines: only, Reads: "each page of a file of up to 256 MB (quick_check)", Run: onFile(checkSmall)},
		{Name: "file_integrity", Engines: only, Deep: true, Reads: "each page, and each index beside its table (integrity_check)", Run: onFile(checkIntegrity)},
	}
}

// onFile finds the path of the file; a database in memory has none, and is not looked at.
func onFile(run func(ctx context.Context, from engine.Querier, path string) ([]finding.Finding, error)) func(context.Context, *finding.Subject) ([]finding.Finding, error) {
	return func(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
		var path string
		const query = `SELECT coalesce(file, '') FROM pragma_database_list WHERE name = 'main'`
		if err := subject.Session.QueryRow(ctx, query).Scan(&path); err != nil || path == "" {
			return nil, err
		}
		return run(ctx, subject.Session, path)
	}
}

// Explain makes a finding of the error with which a file could not be opened, if it is about one that this package knows.
func Explain(path string, err error) (_ finding.Finding, known bool) {
	if hot, isHot := errors.AsType[*sqlite.HotJournalError](err); isHot {
		return journalLeft(hot.Path, hot.Journal), true
	}
	if sqlite.IsDamage(err) {
		return damaged(path, []string{err.Error()}), true
	}
	return finding.Finding{}, false
}

func journalLeft(path, journal string) finding.Finding {
	return finding.Finding{
		ID: JournalLeft, Severity: finding.Error, What: "the process that wrote to " + path + " last was killed in the middle, and its transaction still has to be rolled back",
		Evidence: []string{journal},
		Meaning:  "the homeserver does that when it starts; a copy of the file without its journal is damaged",
		Remedy:   finding.Remedy{Text: "start the homeserver once, and check again; never delete the journal, and copy the file only together with it"},
	}
}

func damaged(path string, evidence []string) finding.Finding {
	return finding.Finding{
		ID: Damaged, Severity: finding.Error, What: "the file " + path + " is damaged", Evidence: evidence,
		Meaning: "rows are lost or wrong, the homeserver fails wherever it meets them, and each write can make it worse",
		Remedy: finding.Remedy{
			Text:     "stop the homeserver, keep a copy of the file with what lies beside it, and restore the last sound backup; without one, take out what can be read, and check the result",
			Commands: []string{fmt.Sprintf("sqlite3 %s .recover | sqlite3 %s", shellWord(path), shellWord(path+".recovered"))},
		},
	}
}
