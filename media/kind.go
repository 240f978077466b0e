package media

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is one of the folders of a media store.
type Kind string

// The folders. A preview's id names its day; what was made before they did lies as local media do.
const (
	LocalContent    Kind = "local_content"
	LocalThumbnails Kind = "local_thumbnails"
	RemoteContent   Kind = "remote_content"
	RemoteThumbnail Kind = "remote_thumbnail" // without s, unlike the local ones
	URLCache        Kind = "url_cache"
	URLThumbnails   Kind = "url_cache_thumbnails"
)

// Kinds are all folders.
func Kinds() []Kind {
	return []Kind{LocalContent, LocalThumbnails, RemoteContent, RemoteThumbnail, URLCache, URLThumbnails}
}

// Local are the kinds that nobody else has: uploaded media, and their thumbnails unless these are made when they are asked for
// (dynamic_thumbnails).
func Local(dynamicThumbnails bool) []Kind {
	if dynamicThumbnails {
		return []Kind{LocalContent}
	}
	return []Kind{LocalContent, LocalThumbnails}
}

// server says that there is a folder for each server.
func (k Kind) server() bool { return k == RemoteContent || k == RemoteThumbnail }

// named says that there are several files for each id.
func (k Kind) named() bool { return k == LocalThumbnails || k == RemoteThumbnail || k == URLThumbnails }

// dated says that ids that begin with a day have a folder for it.
func (k Kind) dated() bool { return k == URLCache || k == URLThumbnails }

// PathError says that a row's file cannot be in any store: a homeserver would refuse the path too.
type PathError struct {
	Kind             Kind
	Server, ID, Name string
}

// Error names the row.
func (e *PathError) Error() string {
	return fmt.Sprintf("%s: server %q, id %q, name %q make no path", e.Kind, e.Server, e.ID, e.Name)
}

var (
	component = regexp.MustCompile(`^[A-Za-z0-9_.:\[\]-]+$`)
	day       = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}_.`)
)

// Path is where a file stands, below the store: the kind's folder and its parts. The server is of other servers' media only, the name of
// thumbnails only. The error is a *PathError.
func (k Kind) Path(server, id, name string) ([]string, error) {
	const short = 4 // the folders of an id take as many characters
	parts := []string{string(k)}
	if k.server() {
		parts = append(parts, server)
	}
	switch {
	case k.dated() && day.MatchString(id):
		parts = append(parts, id[:10], id[11:])
	case len(id) > short:
		parts = append(parts, id[:2], id[2:4], id[4:])
	default:
		return nil, &PathError{k, server, id, name}
	}
	if k.named() {
		parts = append(parts, name)
	}
	if slices.ContainsFunc(parts, func(part string) bool { return !component.MatchString(part) || part == "." || part == ".." }) {
		return nil, &PathError{k, server, id, name}
	}
	return parts, nil
}

// KindOf tells the folder that a path below the store begins with; false when it is none, or when the path is not one that stays below the
// store: absolute, with "..", or with empty parts.
func KindOf(path string) (Kind, bool) {
	parts := strings.Split(path, "/")
	for _, part := range parts {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\\x00") {
			return "", false
		}
	}
	kind := Kind(parts[0])
	return kind, len(parts) > 1 && slices.Contains(Kinds(), kind)
}
