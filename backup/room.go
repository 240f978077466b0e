package backup

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/synapsedb/synapse/media"
)

// coming is what a backup will have to do with the media store, as far as the backup before tells.
type coming struct {
	// bytes are of files that will be read: those that it does not know by path, size and time.
	bytes int64
	// newFiles and newBytes of them it does not know by path and size either. The others were only touched, since media do not change.
	newFiles, newBytes int64
}

// expect looks through the media store.
func (c *creation) expect(ctx context.Context) (found coming, err error) {
	store, err := os.OpenRoot(c.options.Config.MediaStorePath)
	if err != nil {
		return found, unlessMissing(err)
	}
	defer func() { _ = store.Close() }() // only read
	before, err := newStream(c.to.before(ctx, c.options.Log), mediumPath)
	if err != nil {
		return found, err
	}
	defer before.stop()
	for _, kind := range c.kinds() {
		for file, err := range ahead(media.Walk(ctx, store, kind)) {
			if err != nil {
				return found, err
			}
			known, err := before.reach(file.Path, nil)
			if err != nil {
				return found, err
			}
			found.add(file, known)
		}
	}
	return found, nil
}

func (found *coming) add(file media.File, known *Medium) {
	switch {
	case file.Closed != "" || known.is(file):
		return
	case known == nil || known.Size != file.Size:
		found.newFiles++
		found.newBytes += file.Size
	}
	found.bytes += file.Size
}

// is reports whether a file is the one that a backup has, as far as size and time tell.
func (m *Medium) is(file media.File) bool {
	return m != nil && m.Size == file.Size && m.Modified == file.Modified.UnixNano()
}

// roomProblems looks whether there is room for what is new of the media store besides the dumps. Only what is surely too much is refused.
func (c *creation) roomProblems(ctx context.Context) ([]Problem, error) {
	var err error
	if c.coming, err = c.expect(ctx); err != nil {
		return nil, fmt.Errorf("look through the media store: %w", err)
	}
	free, known := c.to.free()
	lacking := c.dumps + c.coming.newBytes - free
	if !known || lacking <= 0 {
		return nil, nil
	}
	if folder, isFolder := c.to.(*folderSink); isFolder {
		there, err := folder.unnamed(ctx)
		if lacking -= there; err != nil || lacking <= 0 {
			return nil, err
		}
	}
	return []Problem{{
		ID:   SpaceMissing,
		What: fmt.Sprintf("%d media of %d MB are new, the databases may need %d MB, and %d MB are free in %s", c.coming.newFiles, c.coming.newBytes>>20, c.dumps>>20, free>>20, c.to),
		Hint: "make room, or remove old backups: synapse backup prune",
	}}, nil
}

// unnamed are the bytes of media that the newest backup does not name. A backup that was killed, or that had no room, has left them, and the next
// one uses them.
func (s *folderSink) unnamed(ctx context.Context) (bytes int64, err error) {
	err = fs.WalkDir(s.of.root.FS(), objectsFolder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return unlessMissing(err)
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	if s.newest != nil {
		bytes -= s.newest.Manifest.Media.Bytes
	}
	return max(bytes, 0), err
}
