package media

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// Row is a file that a row of the database names.
type Row struct {
	// Path are the parts of its path below the store.
	Path []string
	// Size is in bytes; negative where the row does not say it.
	Size int64
	// SHA256 is in hexadecimal digits; empty where the row does not say it.
	SHA256 string
}

// The queries give server, id, name, size and SHA-256 of the files of a kind. Media without a length were announced and not uploaded
// yet. %s is NULL in a database of before schema 91, whose tables have no sha256.
const (
	localQuery = `SELECT '' AS server, media_id AS id, '' AS name, media_length AS size, %s AS sha256
FROM local_media_repository WHERE url_cache IS NULL AND media_length IS NOT NULL`

	localThumbnailsQuery = `SELECT '' AS server, t.media_id AS id,
    t.thumbnail_width || '-' || t.thumbnail_height || '-' || replace(t.thumbnail_type, '/', '-') || '-' || t.thumbnail_method AS name, -1 AS size, NULL AS sha256
FROM local_media_repository_thumbnails AS t JOIN local_media_repository AS m ON m.media_id = t.media_id WHERE m.url_cache IS NULL`

	remoteQuery = `SELECT media_origin AS server, filesystem_id AS id, '' AS name, coalesce(media_length, -1) AS size, %s AS sha256
FROM remote_media_cache`

	remoteThumbnailsQuery = `SELECT media_origin AS server, filesystem_id AS id,
    thumbnail_width || '-' || thumbnail_height || '-' || replace(thumbnail_type, '/', '-') || '-' || thumbnail_method AS name, -1 AS size, NULL AS sha256
FROM remote_media_cache_thumbnails`

	previewQuery = `SELECT '' AS server, media_id AS id, '' AS name, media_length AS size, %s AS sha256
FROM local_media_repository WHERE url_cache IS NOT NULL AND media_length IS NOT NULL`

	previewThumbnailsQuery = `SELECT '' AS server, t.media_id AS id,
    t.thumbnail_width || '-' || t.thumbnail_height || '-' || replace(t.thumbnail_type, '/', '-') || '-' || t.thumbnail_method AS name, -1 AS size, NULL AS sha256
FROM local_media_repository_thumbnails AS t JOIN local_media_repository AS m ON m.media_id = t.media_id WHERE m.url_cache IS NOT NULL`
)

func (k Kind) query(sum string) (string, error) {
	switch k {
	case LocalContent:
		return fmt.Sprintf(localQuery, sum), nil
	case LocalThumbnails:
		return localThumbnailsQuery, nil
	case RemoteContent:
		return fmt.Sprintf(remoteQuery, sum), nil
	case RemoteThumbnail:
		return remoteThumbnailsQuery, nil
	case URLCache:
		return fmt.Sprintf(previewQuery, sum), nil
	case URLThumbnails:
		return previewThumbnailsQuery, nil
	}
	return "", fmt.Errorf("%q is no folder of a media store", k)
}

// Named calls take for every file that the rows of a kind name, in the order of Walk, each once. It returns how many rows name none
// that could be there.
func Named(ctx context.Context, from engine.Querier, kind Kind, take func(Row) error) (without int64, err error) {
	query, err := ordered(ctx, from, kind)
	if err != nil {
		return 0, err
	}
	var last []string
	err = engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var server, id, name, sum sql.NullString
		row := Row{}
		if err := scan(&server, &id, &name, &row.Size, &sum); err != nil {
			return err
		}
		parts, err := kind.Path(server.String, id.String, name.String)
		if _, isPath := errors.AsType[*PathError](err); isPath {
			without++
			return nil
		}
		if slices.Equal(parts, last) {
			return nil
		}
		row.Path, row.SHA256, last = parts, sum.String, parts
		return take(row)
	})
	if err != nil {
		return without, fmt.Errorf("read the rows of %s: %w", kind, err)
	}
	return without, nil
}

// ordered has the rows come in the order of the bytes, as the walk through the folders has it.
func ordered(ctx context.Context, from engine.Querier, kind Kind) (string, error) {
	sum, err := sumColumn(ctx, from)
	if err != nil {
		return "", err
	}
	query, err := kind.query(sum)
	if err != nil {
		return "", err
	}
	collation := "BINARY"
	if from.Engine() == engine.Postgres {
		collation = `"C"`
	}
	return fmt.Sprintf("SELECT server, id, name, size, sha256 FROM (%s) AS files ORDER BY server COLLATE %[2]s, id COLLATE %[2]s, name COLLATE %[2]s",
		query, collation), nil
}

const (
	sqliteSum   = `SELECT count(*) FROM pragma_table_info('local_media_repository') WHERE name = 'sha256'`
	postgresSum = `SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('local_media_repository') AND attname = 'sha256' AND NOT attisdropped`
)

// sumColumn is the column with the SHA-256, which older databases lack.
func sumColumn(ctx context.Context, from engine.Querier) (string, error) {
	query := sqliteSum
	if from.Engine() == engine.Postgres {
		query = postgresSum
	}
	var there int
	if err := from.QueryRow(ctx, query).Scan(&there); err != nil {
		return "", fmt.Errorf("look for the checksums of media: %w", err)
	}
	if there == 0 {
		return "NULL", nil
	}
	return "sha256", nil
}
