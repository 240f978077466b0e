package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// markName is the file in a folder that a restore fills, as long as it does.
const markName = ".synapse-restore.json"

// mark says which restore it is.
type mark struct {
	Backup   string `json:"backup"`
	Manifest string `json:"manifest"` // its SHA-256
	// Done says that everything is restored, and only marks are left.
	Done bool `json:"done"`
}

// folderTarget is a folder that was empty, or not there, and is filled. A nil one is none.
type folderTarget struct {
	path      string
	mark      mark
	continues bool
	unmarked  bool     // it is within another one
	root      *os.Root // once it is begun
}

// newFolderTarget refuses a folder with anything in it but what the same restore has left.
func newFolderTarget(path string, wanted mark) (*folderTarget, error) {
	f := &folderTarget{path: path, mark: wanted}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && onlyHalfMark(entries) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(path, markName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(TargetNotEmpty, path+" is not empty", "restore into a folder that is empty or not there: what is there is never written over")
	}
	if err != nil {
		return nil, err
	}
	found := mark{}
	err = json.Unmarshal(content, &found)
	f.mark.Done, found.Done = found.Done, false
	if err != nil || found != wanted {
		return nil, refuse(TargetOther, path+" is being filled by the restore of another backup", "let that end, or remove the folder")
	}
	f.continues = true
	return f, nil
}

// onlyHalfMark tells a folder that is empty, or that a restore was killed in before it had a mark.
func onlyHalfMark(entries []fs.DirEntry) bool {
	return len(entries) == 0 || len(entries) == 1 && entries[0].Name() == markName+".new"
}

// begin makes the folder and marks it.
func (f *folderTarget) begin() (err error) {
	if f == nil {
		return nil
	}
	if err := os.MkdirAll(f.path, 0o750); err != nil {
		return err
	}
	if f.root, err = os.OpenRoot(f.path); err != nil || f.continues || f.unmarked {
		return err
	}
	return f.write()
}

// done says in the mark that everything is restored.
func (f *folderTarget) done() error {
	if f == nil || f.unmarked || f.mark.Done {
		return nil
	}
	f.mark.Done = true
	return f.write()
}

// isDone tells what the mark said that was found.
func (f *folderTarget) isDone() bool { return f != nil && f.mark.Done }

// write has the mark appear whole: a folder with half a mark would be refused.
func (f *folderTarget) write() error {
	content, err := json.Marshal(f.mark)
	if err != nil {
		return err
	}
	const unfinished = markName + ".new"
	if err := unlessMissing(f.root.Remove(unfinished)); err != nil {
		return err
	}
	if err := writeSynced(f.root, unfinished, content); err != nil {
		return err
	}
	if err := f.root.Rename(unfinished, markName); err != nil {
		return err
	}
	return syncFolder(f.root, ".")
}

// end takes the mark away.
func (f *folderTarget) end() error {
	if f == nil || f.unmarked {
		return nil
	}
	return errors.Join(unlessMissing(f.root.Remove(markName)), syncFolder(f.root, "."))
}

func (f *folderTarget) close() error {
	if f == nil || f.root == nil {
		return nil
	}
	return f.root.Close()
}

// placed is how a file is made.
type placed struct {
	name     string // below the folder
	mode     fs.FileMode
	owner    int // -1 leaves it
	group    int
	modified time.Time // zero leaves it
	// take says that the content need not stay where it is, so that it may get a second name in place of a copy.
	take bool
}

// unfinishedEnd marks a file that is being written. No path of a media store or of a backup's files ends so by itself.
const unfinishedEnd = ".synapse-restore-partial"

// place copies a content of the repository to a name that nothing has, whole or not at all. What is there already is compared, and refused when it is
// something else.
func place(ctx context.Context, to *os.Root, as placed, from *os.Root, content Stored, took func(int64)) error {
	if _, err := to.Lstat(as.name); err == nil {
		there, err := sumFile(ctx, to, as.name, took)
		if err != nil {
			return err
		}
		if there.SHA256 != content.SHA256 {
			return refuse(FileThere, filepath.Join(to.Name(), as.name)+" is there, with another content", "move it away; nothing is written over")
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unfinished := as.name + unfinishedEnd
	if err := unlessMissing(to.Remove(unfinished)); err != nil {
		return err
	}
	if err := to.MkdirAll(path.Dir(as.name), 0o750); err != nil {
		return err
	}
	stored, err := as.bring(ctx, to, unfinished, from, content.Name, took)
	stored.Name = content.Name
	if err := judge(content, stored, err); err != nil {
		return errors.Join(err, unlessMissing(to.Remove(unfinished)))
	}
	if err := as.finish(to, unfinished); err != nil {
		return err
	}
	return rename(to, unfinished, as.name)
}

// bring makes a file of a content, and sums it.
func (p placed) bring(ctx context.Context, to *os.Root, unfinished string, from *os.Root, content string, took func(int64)) (Stored, error) {
	if p.take {
		if linked, err := link(from, content, to, unfinished); err != nil {
			return Stored{}, err
		} else if linked {
			return sumFile(ctx, to, unfinished, took)
		}
	}
	source, err := from.Open(content)
	if err != nil {
		return Stored{}, err
	}
	defer source.Close()
	return storeCopy(ctx, to, unfinished, source, took)
}

// rename gives a name that nothing has.
func rename(to *os.Root, from, name string) error {
	if _, err := to.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return refuse(FileThere, filepath.Join(to.Name(), name)+" has come to be there meanwhile", "move it away; nothing is written over")
	}
	return to.Rename(from, name)
}

// finish gives a file its rights, which only root can give to others, and its time.
func (p placed) finish(to *os.Root, name string) error {
	if os.Geteuid() == 0 && p.owner >= 0 && p.group >= 0 {
		if err := to.Chown(name, p.owner, p.group); err != nil {
			return err
		}
	}
	if err := to.Chmod(name, p.mode); err != nil {
		return err
	}
	if p.modified.IsZero() {
		return nil
	}
	return to.Chtimes(name, p.modified, p.modified)
}

// mediaFolder is the name of the media store in Folder.
const mediaFolder = "media_store"

// placeFolders decides where media go, and looks at the folders.
func (m *restoration) placeFolders(context.Context) (err error) {
	wanted := mark{Backup: m.backup.Manifest.ID, Manifest: m.backup.Sum}
	if m.options.Folder != "" {
		m.folder, err = newFolderTarget(m.options.Folder, wanted)
		m.report.MediaPath = filepath.Join(m.options.Folder, mediaFolder)
	} else {
		m.report.MediaPath = m.options.Config.MediaStorePath
	}
	if err != nil {
		return err
	}
	switch {
	case !m.wants(PartMedia) || m.backup.Manifest.Media.List == nil:
		m.report.MediaPath = ""
	case m.folder != nil:
		m.media = &folderTarget{path: m.report.MediaPath, unmarked: true}
	default:
		m.media, err = newFolderTarget(m.report.MediaPath, wanted)
	}
	m.report.Continued = m.media != nil && m.media.continues || m.folder != nil && m.folder.continues
	return err
}

// restoreMedia writes all media. Their times come back, too, so that the next backup knows them.
func (m *restoration) restoreMedia(ctx context.Context) error {
	list := m.backup.Manifest.Media
	if m.media == nil {
		if list.Files > 0 {
			m.report.NotRestored = append(m.report.NotRestored, fmt.Sprintf("%d files of the media store", list.Files))
		}
		return nil
	}
	m.meter.Enter(at(PhaseMedia, ""), list.Bytes)
	made := map[string]bool{}
	for medium, err := range m.backup.Media() {
		if err != nil {
			return err
		}
		as := placed{name: medium.Path, mode: 0o640, owner: list.Owner, group: list.Group, modified: time.Unix(0, medium.Modified), take: m.takes()}
		if err := place(ctx, m.media.root, as, m.from.root, Stored{Name: object(medium.SHA256), Size: medium.Size, SHA256: medium.SHA256}, m.meter.Add); err != nil {
			return fmt.Errorf("restore %s: %w", medium.Path, err)
		}
		if err := m.ownFolders(medium.Path, made); err != nil {
			return err
		}
		m.report.MediaFiles++
		m.report.MediaBytes += medium.Size
	}
	return syncAll(ctx, m.media.root, ".")
}

// ownFolders gives the folders of the store to whom they belonged. Only the last ones are remembered: files come in the order of their paths.
func (m *restoration) ownFolders(name string, made map[string]bool) error {
	list := m.backup.Manifest.Media
	if os.Geteuid() != 0 || list.Owner < 0 || list.Group < 0 {
		return nil
	}
	if len(made) > 1000 {
		clear(made)
	}
	for folder := path.Dir(name); ; folder = path.Dir(folder) {
		if made[folder] {
			return nil
		}
		if err := m.media.root.Chown(folder, list.Owner, list.Group); err != nil {
			return err
		}
		made[folder] = true
		if folder == "." || !strings.Contains(folder, "/") && made["."] {
			return nil
		}
	}
}
