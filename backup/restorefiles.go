package backup

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// configFolder is where configuration goes to in Folder, below its old paths.
const configFolder = "config"

// placedFile is a file of the backup, and where it goes.
type placedFile struct {
	StoredFile

	target string
	keep   bool // what is there
}

// newKeyFile is where a new signing key goes.
type newKeyFile struct {
	target string
	made   bool // by the restore that was stopped
}

// signingKey is the key of the configuration that names the signing key's file.
const signingKey = "signing_key_path"

// placeFiles decides where each file goes. With a configuration only those files come back that it refers to, to where it refers: a
// backup cannot choose a place by itself.
func (m *restoration) placeFiles(ctx context.Context) error {
	if !m.wants(PartConfig) {
		for _, file := range m.backup.Manifest.Files {
			m.report.NotRestored = append(m.report.NotRestored, file.Path)
		}
		return nil
	}
	if m.options.Folder != "" {
		return m.placeBelow()
	}
	document, err := readDocument(m.options.Config)
	if err != nil {
		return err
	}
	there, missing, err := document.references(nil)
	if err != nil {
		return err
	}
	var problems []Problem
	for _, file := range m.backup.Manifest.Files {
		if problem, err := m.placeFile(ctx, m.moved(file, document), there, missing); err != nil {
			return err
		} else if problem != nil {
			problems = append(problems, *problem)
		}
	}
	if problem := m.keyProblem(document.keyPath(), document.top["signing_key"] != nil); problem != nil {
		problems = append(problems, *problem)
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

func (m *restoration) placeBelow() error {
	key := filepath.Join(m.options.Folder, configFolder, m.backup.Manifest.ServerName+".signing.key")
	for _, file := range m.backup.Manifest.Files {
		target := filepath.Join(m.options.Folder, configFolder, filepath.FromSlash(strings.TrimPrefix(file.Name, filesFolder+"/")))
		if file.Key == signingKey {
			key = target
			if m.options.NewSigningKey {
				m.report.NotRestored = append(m.report.NotRestored, file.Path)
				continue
			}
		}
		m.files = append(m.files, placedFile{StoredFile: file, target: target})
	}
	isInline := len(m.backup.Manifest.SigningKeys) > 0 && !slices.ContainsFunc(m.backup.Manifest.Files, func(file StoredFile) bool { return file.Key == signingKey })
	if problem := m.keyProblem(key, isInline); problem != nil {
		return &RefusedError{Problems: []Problem{*problem}}
	}
	return nil
}

// moved gives the signing key the place that the new configuration has for it.
func (m *restoration) moved(file StoredFile, document *document) StoredFile {
	path, err := filepath.Abs(document.keyPath())
	if file.Key == signingKey && document.keyPath() != "" && err == nil {
		file.Path = path
	}
	return file
}

// placeFile looks at one file where there is a configuration.
func (m *restoration) placeFile(ctx context.Context, file StoredFile, there, missing []Reference) (*Problem, error) {
	is := func(reference Reference) bool { return reference.Path == file.Path }
	below := func(reference Reference) bool {
		return reference.Key == file.Key && strings.HasPrefix(file.Path, reference.Path+string(filepath.Separator))
	}
	switch {
	case file.Key == signingKey && m.options.NewSigningKey:
		m.report.NotRestored = append(m.report.NotRestored, file.Path)
		return nil, nil //nolint:nilnil // no problem
	case slices.ContainsFunc(there, is):
		same, err := sameContent(ctx, file)
		if err != nil {
			return nil, err
		}
		given := slices.ContainsFunc(there, func(reference Reference) bool { return is(reference) && reference.Key == "--config" })
		if !same && !given {
			return &Problem{ID: FileThere, What: file.Path + " is there, with another content", Hint: "move it away, or restore with --only; nothing is written over"}, nil
		}
		m.files = append(m.files, placedFile{StoredFile: file, target: file.Path, keep: true})
		if !same {
			m.report.NotRestored = append(m.report.NotRestored, file.Path+": the one that was given stays")
		}
	case slices.ContainsFunc(missing, is) || slices.ContainsFunc(missing, below):
		m.files = append(m.files, placedFile{StoredFile: file, target: file.Path})
	default:
		m.report.NotRestored = append(m.report.NotRestored, file.Path+": the configuration does not refer to it")
	}
	return nil, nil //nolint:nilnil // no problem
}

func sameContent(ctx context.Context, file StoredFile) (bool, error) {
	opened, err := os.Open(file.Path)
	if err != nil {
		return false, err
	}
	defer opened.Close()
	_, there, err := copySummed(ctx, io.Discard, opened, nil)
	return there == file.SHA256, err
}

// keyProblem: a homeserver without a key makes a new one in silence, and is another server for all others.
// isInline says that the key stands in the configuration itself.
func (m *restoration) keyProblem(path string, isInline bool) *Problem {
	_, err := os.Lstat(path)
	isThere := err == nil
	comes := slices.ContainsFunc(m.files, func(file placedFile) bool { return file.Key == signingKey })
	continues := m.folder != nil && m.folder.continues || m.media != nil && m.media.continues
	switch {
	case m.options.NewSigningKey && isThere && continues:
		m.key = &newKeyFile{target: path, made: true}
	case m.options.NewSigningKey && isThere:
		return &Problem{ID: FileThere, What: path + " is there, and holds a signing key", Hint: "leave --new-signing-key out to keep it, or move it away"}
	case m.options.NewSigningKey:
		m.key = &newKeyFile{target: path}
	case !comes && !isInline && !isThere:
		return &Problem{ID: SigningKeyMissing, What: "the backup holds no signing key, and there is none at " + path,
			Hint: "put the key there, or have a new one made: --new-signing-key. Without it the homeserver would make one in silence"}
	}
	return nil
}

// restoreFiles writes configuration and keys.
func (m *restoration) restoreFiles(ctx context.Context) error {
	m.meter.Enter(at(PhaseFiles, ""), 0)
	for _, file := range m.files {
		if !file.keep {
			if err := m.restoreFile(ctx, file); err != nil {
				return fmt.Errorf("restore %s: %w", file.Path, err)
			}
		}
		m.report.Files = append(m.report.Files, RestoredFile{Reference: file.Reference, Target: file.target, Kept: file.keep})
	}
	return m.makeKey()
}

func (m *restoration) restoreFile(ctx context.Context, file placedFile) error {
	mode, err := strconv.ParseUint(file.Mode, 8, 32)
	if err != nil {
		return &DamagedError{Name: manifestName, What: "the mode of " + file.Path + " is no number"}
	}
	to, name, closer, err := m.folderOf(file.target)
	if err != nil {
		return err
	}
	defer closer()
	as := placed{name: name, mode: fs.FileMode(mode) & fs.ModePerm, owner: file.Owner, group: file.Group}
	if err := place(ctx, to, as, m.backup.root, file.Stored, m.meter.Add); err != nil {
		return err
	}
	return syncFile(to, name, false)
}

// folderOf opens the folder that a file may not lead out of.
func (m *restoration) folderOf(target string) (root *os.Root, name string, closer func(), err error) {
	if m.folder != nil {
		name, err = filepath.Rel(m.folder.path, target)
		return m.folder.root, filepath.ToSlash(name), func() {}, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // as folders of configuration are
		return nil, "", nil, err
	}
	root, err = os.OpenRoot(filepath.Dir(target))
	return root, filepath.Base(target), func() { _ = root.Close() }, err // what was written is synced
}

// makeKey makes a new signing key, and says how the old one is told to other servers.
func (m *restoration) makeKey() error {
	if m.key == nil {
		return nil
	}
	keys, err := m.writeKey()
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("old_signing_keys:\n")
	for _, old := range m.backup.Manifest.SigningKeys {
		fmt.Fprintf(&text, "  %q: { key: %q, expired_ts: %d }\n", old.ID, old.PublicKey, time.Now().UnixMilli())
	}
	m.report.OldSigningKeys, m.report.SigningKeys = text.String(), keys
	return nil
}

func (m *restoration) writeKey() ([]SigningKey, error) {
	if m.key.made {
		content, err := os.ReadFile(m.key.target)
		if err != nil {
			return nil, err
		}
		return parseKeys(string(content))
	}
	line, key, err := newKey()
	if err != nil {
		return nil, err
	}
	to, name, closer, err := m.folderOf(m.key.target)
	if err != nil {
		return nil, err
	}
	defer closer()
	if err := to.MkdirAll(filepath.ToSlash(filepath.Dir(name)), 0o750); err != nil {
		return nil, err
	}
	unfinished := name + unfinishedEnd
	if err := unlessMissing(to.Remove(unfinished)); err != nil {
		return nil, err
	}
	if err := writeSynced(to, unfinished, []byte(line)); err != nil {
		return nil, err
	}
	return []SigningKey{key}, rename(to, unfinished, name)
}
