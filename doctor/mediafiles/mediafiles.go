package mediafiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// The findings.
const (
	StoreUnreadable  = "media_store_unreadable"
	FileMissing      = "media_file_missing"
	FileSize         = "media_file_size"
	ThumbnailMissing = "media_thumbnail_missing"
	RemoteMissing    = "media_remote_missing"
	FileWithoutRow   = "media_file_without_row"
	FolderSkipped    = "media_folder_skipped"
)

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{{
		Name: "media_files", Deep: true, Run: check,
		Reads: "the names and sizes of all files of the media store but URL previews, and the rows of local and remote media and their thumbnails",
	}}
}

// check compares one kind of files after the other.
func check(ctx context.Context, subject *finding.Subject) (found []finding.Finding, err error) {
	if subject.MediaStore == "" || !subject.Holds("main") {
		return nil, nil
	}
	there, err := hasMedia(ctx, subject.Session)
	if err != nil || !there {
		return nil, err
	}
	root, err := os.OpenRoot(subject.MediaStore)
	if err != nil {
		return unreadable(ctx, subject, err)
	}
	defer func() { _ = root.Close() }() // only read
	total := &surplus{}
	for _, kind := range kinds() {
		difference, err := compare(ctx, subject.Session, root, kind)
		if err != nil {
			return found, fmt.Errorf("compare %s with its rows: %w", kind.folder, err)
		}
		found = append(found, difference.findings()...)
		total.add(difference)
	}
	return append(found, total.findings()...), nil
}

func hasMedia(ctx context.Context, from engine.Querier) (there bool, err error) {
	query := "SELECT count(*) = 4 FROM sqlite_schema WHERE type = 'table' AND name IN ('local_media_repository', 'local_media_repository_thumbnails', 'remote_media_cache', 'remote_media_cache_thumbnails')"
	if from.Engine() == engine.Postgres {
		query = "SELECT to_regclass('local_media_repository') IS NOT NULL AND to_regclass('local_media_repository_thumbnails') IS NOT NULL AND to_regclass('remote_media_cache') IS NOT NULL AND to_regclass('remote_media_cache_thumbnails') IS NOT NULL"
	}
	return there, from.QueryRow(ctx, query).Scan(&there)
}

const storedQuery = `SELECT count(*) FROM local_media_repository WHERE url_cache IS NULL AND media_length IS NOT NULL`

// unreadable: a homeserver that never stored anything has no folder yet.
func unreadable(ctx context.Context, subject *finding.Subject, reason error) ([]finding.Finding, error) {
	var rows int64
	if err := subject.Session.QueryRow(ctx, storedQuery).Scan(&rows); err != nil {
		return nil, err
	}
	if rows == 0 && errors.Is(reason, fs.ErrNotExist) {
		return nil, nil
	}
	return []finding.Finding{{
		ID: StoreUnreadable, Severity: finding.Warning, What: fmt.Sprintf("the media store cannot be read: %v", reason),
		Evidence: []string{fmt.Sprintf("%d rows of local_media_repository have their files there", rows)},
		Meaning:  "if the homeserver cannot read it either, no media can be seen or uploaded",
		Remedy:   finding.Remedy{Text: "run the check on the machine of the homeserver, as its user, and look whether media_store_path is right"},
	}}, nil
}
