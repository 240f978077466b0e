package mediafiles

import (
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/media"
)

// kind is one of the folders of a media store. Its files stand at [server/]id[0:2]/id[2:4]/id[4:][/name].
type kind struct {
	folder media.Kind
	// server says that there is a folder for each server; file, that there are several files for each id.
	server, file bool
	// query gives server, id, name of the file and size. The size is -1 where it is
	// not known, and -2 where there need not be a file.
	query string
	// missing describes rows without file.
	missing finding.Finding
}

// The rows of URL previews are left out, as is their folder: they are kept for some days only. Media without a length was announced and
// not uploaded yet.
const (
	localQuery = `SELECT '' AS server, media_id AS id, '' AS name, CASE WHEN media_length IS NULL THEN -2 ELSE media_length END AS size
FROM local_media_repository WHERE url_cache IS NULL AND length(media_id) > 4`

	localThumbnailsQuery = `SELECT '' AS server, t.media_id AS id,
    t.thumbnail_width || '-' || t.thumbnail_height || '-' || replace(t.thumbnail_type, '/', '-') || '-' || t.thumbnail_method AS name, -1 AS size
FROM local_media_repository_thumbnails AS t JOIN local_media_repository AS m ON m.media_id = t.media_id
WHERE m.url_cache IS NULL AND length(t.media_id) > 4`

	remoteQuery = `SELECT media_origin AS server, filesystem_id AS id, '' AS name, coalesce(media_length, -1) AS size
FROM remote_media_cache WHERE length(filesystem_id) > 4`

	remoteThumbnailsQuery = `SELECT media_origin AS server, filesystem_id AS id,
    thumbnail_width || '-' || thumbnail_height || '-' || replace(thumbnail_type, '/', '-') || '-' || thumbnail_method AS name, -1 AS size
FROM remote_media_cache_thumbnails WHERE length(filesystem_id) > 4`
)

func kinds() []kind {
	const again = "nothing has to be done; where many are missing, look whether the files are on another disk or with a storage provider"
	return []kind{
		{folder: media.LocalContent, query: localQuery, missing: finding.Finding{
			ID: FileMissing, Severity: finding.Error, What: "uploaded media without their files",
			Meaning: "what users of this server have uploaded is lost, and cannot be fetched from anywhere",
			Remedy:  finding.Remedy{Text: "restore the files from a backup of the media store, unless a storage provider has them (media_storage_providers)"},
		}},
		{folder: media.LocalThumbnails, file: true, query: localThumbnailsQuery, missing: finding.Finding{
			ID: ThumbnailMissing, Severity: finding.Info, What: "thumbnails of uploaded media without their files",
			Meaning: "the homeserver makes them again when they are asked for", Remedy: finding.Remedy{Text: again},
		}},
		{folder: media.RemoteContent, server: true, query: remoteQuery, missing: finding.Finding{
			ID: RemoteMissing, Severity: finding.Info, What: "media of other servers without their files",
			Meaning: "the homeserver fetches them again when they are asked for, if their server still has them", Remedy: finding.Remedy{Text: again},
		}},
		{folder: media.RemoteThumbnail, server: true, file: true, query: remoteThumbnailsQuery, missing: finding.Finding{
			ID: RemoteMissing, Severity: finding.Info, What: "thumbnails of media of other servers without their files",
			Meaning: "the homeserver makes them again when they are asked for", Remedy: finding.Remedy{Text: again},
		}},
	}
}

// path is where the file of a row stands, below the folder of its kind. What stands in an id cannot lead elsewhere: the parts are only
// compared with names of files, never opened.
func (k *kind) path(server, id, name string) []string {
	parts := []string{id[:2], id[2:4], id[4:]}
	if k.server {
		parts = append([]string{server}, parts...)
	}
	if k.file {
		parts = append(parts, name)
	}
	return parts
}

// statement orders by the bytes, as a walk through the folders does. collation is the engine's name for that.
func (k *kind) statement(collation string) string {
	return fmt.Sprintf("SELECT server, id, name, size FROM (%s) AS files WHERE server IS NOT NULL AND name IS NOT NULL ORDER BY server COLLATE %[2]s, id COLLATE %[2]s, name COLLATE %[2]s",
		k.query, collation)
}
