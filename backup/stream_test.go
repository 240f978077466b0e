package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
)

// streamed makes a backup as a stream, and looks that nothing is left of its making.
func (s *scene) streamed(recipients ...age.Recipient) (*backup.Manifest, []byte) {
	s.t.Helper()
	var to bytes.Buffer
	staging := s.t.TempDir()
	manifest, err := backup.CreateStream(s.t.Context(), &to, backup.StreamOptions{CreateOptions: s.options(), Recipients: recipients, Staging: staging})
	if err != nil {
		s.t.Fatal(err)
	}
	isEmpty(s.t, staging)
	return manifest, to.Bytes()
}

func isEmpty(t testing.TB, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		t.Errorf("%s has %v: %v", folder, entries, err)
	}
}

// receive makes a repository of a stream.
func receive(t testing.TB, stream []byte, identities ...age.Identity) (folder string, err error) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "received")
	repository, err := backup.ReceiveStream(t.Context(), bytes.NewReader(stream), backup.ReceiveOptions{Folder: folder, Identities: identities})
	if err == nil {
		closing(t, repository)
	}
	return folder, err
}

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// byPassphrase is as strong as a test has time for.
func byPassphrase(t testing.TB, passphrase string) (age.Recipient, age.Identity) {
	t.Helper()
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(2)
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return recipient, identity
}

// comesBack restores a scene from another repository, and looks that it is whole.
func (s *scene) comesBack(repo string, manifest *backup.Manifest) {
	s.t.Helper()
	of := *s
	of.repo = repo
	if got := of.verify(manifest.ID); len(got.Damaged) > 0 {
		s.t.Error(got.Damaged)
	}
	p := of.newPlace()
	if _, err := p.restore(p.options()); err != nil {
		s.t.Fatal(err)
	}
	p.sound(manifest)
}

func TestAStreamIsRestored(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			s.largeMedium()
			key := newKey(t)
			manifest, stream := s.streamed(key.Recipient())
			if bytes.Contains(stream, []byte("server_name")) {
				t.Error("it can be read without a key")
			}
			folder, err := receive(t, stream, key)
			if err != nil {
				t.Fatal(err)
			}
			onlyForOwner(t, folder)
			s.comesBack(folder, manifest)
		})
	}
}

// largeMedium is one that is not held in memory, twice.
func (s *scene) largeMedium() {
	s.t.Helper()
	content := strings.Repeat("large", 1<<20)
	s.file("media_store/local_content/aa/bb/large", content, 0o640)
	s.file("media_store/local_content/aa/bb/large2", content, 0o640)
}

// What every system has brings a stream back to a repository.
func TestAStreamIsReadByHand(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.largeMedium()
	manifest, stream := s.streamed()
	folder := t.TempDir()
	command := exec.CommandContext(t.Context(), "tar", "-x")
	command.Dir, command.Stdin = folder, bytes.NewReader(stream)
	if output, err := command.CombinedOutput(); err != nil || len(output) > 0 {
		t.Fatalf("%v: %s", err, output)
	}
	sums := exec.CommandContext(t.Context(), "sha256sum", "--check", "--quiet", "manifest.sha256")
	sums.Dir = filepath.Join(folder, "backups", manifest.ID)
	if output, err := sums.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	s.comesBack(folder, manifest)
}

func TestTheOrderOfAStream(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	manifest, stream := s.streamed()
	var names []string
	for _, member := range membersOf(t, stream) {
		names = append(names, member.Name)
	}
	own := "backups/" + manifest.ID + "/"
	want := []string{"synapse-backups.json", own + "database/master.db"}
	if diff := cmp.Diff(want, names[:2]); diff != "" {
		t.Error(diff)
	}
	want = []string{own + "manifest.sha256", own + "manifest.json"}
	if diff := cmp.Diff(want, names[len(names)-2:]); diff != "" {
		t.Error(diff)
	}
	list := slices.Index(names, own+"media.jsonl.zst")
	for i, name := range names {
		if strings.HasPrefix(name, "media/") && i > list || strings.HasPrefix(name, own+"files/") && i < list {
			t.Errorf("%s is at place %d, and the list of media at %d", name, i, list)
		}
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(names))); len(unique) != len(names) {
		t.Error("a file comes twice")
	}
}

// member is a file of a stream.
type member struct {
	tar.Header

	content []byte
}

func membersOf(t testing.TB, stream []byte) (all []member) {
	t.Helper()
	reader := tar.NewReader(bytes.NewReader(stream))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, member{Header: *header, content: content})
	}
}

func streamOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var to bytes.Buffer
	w := tar.NewWriter(&to)
	for _, m := range members {
		m.Size = int64(len(m.content))
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// refusedStream looks that a stream is refused, and that nothing is left of it.
func refusedStream(t testing.TB, what, says string, stream []byte) {
	t.Helper()
	folder, err := receive(t, stream)
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s, want %q: %v", what, says, err)
	}
	if _, isDamage := errors.AsType[*backup.DamagedError](err); !isDamage && err != nil {
		t.Errorf("%s: %T", what, err)
	}
	above := filepath.Dir(folder)
	isEmpty(t, above)
}

func TestTamperedStreamsAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	_, stream := s.streamed()
	all := membersOf(t, stream)
	last := len(all) - 1
	own := strings.TrimSuffix(all[last].Name, "manifest.json")
	medium := slices.IndexFunc(all, func(m member) bool { return strings.HasPrefix(m.Name, "media/") })
	file := func(name string) member {
		return member{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600}, content: []byte("x")}
	}
	special := func(kind byte) member {
		return member{Header: tar.Header{Typeflag: kind, Name: own + "files/x", Linkname: "/etc/passwd", Mode: 0o600}}
	}
	sparse := file(own + "files/x")
	sparse.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "x"}
	changed := func(at int) []byte {
		copied := slices.Clone(all)
		copied[at].content = bytes.Clone(copied[at].content)
		copied[at].content[len(copied[at].content)/2] ^= 1
		return streamOf(t, copied...)
	}
	with := func(more member) []byte { return streamOf(t, slices.Insert(slices.Clone(all), last, more)...) }
	without := func(at int) []byte { return streamOf(t, slices.Delete(slices.Clone(all), at, at+1)...) }
	for what, one := range map[string]struct {
		says   string
		stream []byte
	}{
		"a name that leads out":        {"leads out", with(file(own + "files/../../../x"))},
		"a name that leads out above":  {"leads out", with(file("../x"))},
		"an absolute name":             {"leads out", with(file("/etc/x"))},
		"a backslash":                  {"leads out", with(file(own + `files/..\x`))},
		"a link":                       {"no regular file", with(special(tar.TypeSymlink))},
		"a hard link":                  {"no regular file", with(special(tar.TypeLink))},
		"a device":                     {"no regular file", with(special(tar.TypeChar))},
		"a pipe":                       {"no regular file", with(special(tar.TypeFifo))},
		"a folder":                     {"no regular file", with(special(tar.TypeDir))},
		"more than a name and content": {"has a record", with(sparse)},
		"a file of nobody":             {"a backup has no file", with(file("x"))},
		"a file that is no part":       {"a backup has no file", with(file(own + "x"))},
		"when it was verified":         {"a backup has no file", with(file(own + "verified.json"))},
		"a file of another backup":     {"a backup has no file", with(file("backups/20000101T000000Z-000000/files/x"))},
		"a folder in place of an ID":   {"a backup has no file", with(file("backups/../files/x"[:8] + "x/files/x"))},
		"a file that nothing names":    {"a backup has no file", with(file(own + "files/x"))},
		"a medium of another name":     {"a backup has no file", with(file("media/00/" + strings.Repeat("1", 64)))},
		"a medium that is no checksum": {"a backup has no file", with(file("media/x"))},
		"a medium of another content":  {"its SHA-256 has changed", with(file("media/00/" + strings.Repeat("0", 64)))},
		"a file twice":                 {"comes twice", with(all[last-2])},
		"a medium twice":               {"comes twice", with(all[medium])},
		"a repository in the middle":   {"a backup has no file", with(all[0])},
		"a sum twice":                  {"comes twice", with(all[last-1])},
		"a manifest twice":             {"comes behind the manifest", streamOf(t, append(slices.Clone(all), all[last])...)},
		"something behind":             {"comes behind the manifest", streamOf(t, append(slices.Clone(all), all[medium])...)},
		"another archive behind":       {"something comes behind", append(bytes.Clone(stream), stream...)},
		"no manifest":                  {"it has no manifest.json at its end", without(last)},
		"no sum of the manifest":       {"manifest's checksum", without(last - 1)},
		"no list of media":             {"it is missing in the stream", streamOf(t, slices.DeleteFunc(slices.Clone(all), func(m member) bool { return strings.HasSuffix(m.Name, ".zst") })...)},
		"no medium":                    {"it is missing in the stream", without(medium)},
		"no database":                  {"it is missing in the stream", without(1)},
		"no description":               {"does not begin with", without(0)},
		"a changed database":           {"its SHA-256 has changed", changed(1)},
		"a changed medium":             {"its SHA-256 has changed", changed(medium)},
		"a changed manifest":           {"manifest.sha256", changed(last)},
		"nothing":                      {"does not begin with", nil},
		"no archive":                   {"tar header", bytes.Repeat([]byte("no archive"), 1000)},
	} {
		if what == "no sum of the manifest" { // its manifest is whole, and cannot be compared
			if _, err := receive(t, one.stream); err == nil {
				t.Error(what)
			}
			continue
		}
		refusedStream(t, what, one.says, one.stream)
	}
}

func TestAStreamThatWasCutIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	_, stream := s.streamed()
	key := newKey(t)
	_, sealed := s.streamed(key.Recipient())
	for i := range 20 {
		refusedStream(t, "cut", "", stream[:len(stream)*i/20])
		if _, err := receive(t, sealed[:len(sealed)*i/20], key); err == nil {
			t.Errorf("%d twentieths were taken", i)
		}
	}
	refusedStream(t, "without its end", "its end is missing", stream[:len(stream)-512])
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	if folder, err := receive(t, flipped, key); !errors.As(err, new(*backup.DamagedError)) {
		t.Error(err)
	} else {
		isEmpty(t, filepath.Dir(folder))
	}
}

func TestKeysOfStreams(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	key := newKey(t)
	recipient, identity := byPassphrase(t, "x")
	_, wrong := byPassphrase(t, "y")
	_, plain := s.streamed()
	_, forKey := s.streamed(key.Recipient(), newKey(t).Recipient())
	_, byPhrase := s.streamed(recipient)
	for what, one := range map[string]struct {
		stream     []byte
		identities []age.Identity
		refused    backup.ProblemID
	}{
		"the key":                     {forKey, []age.Identity{newKey(t), key}, ""},
		"the passphrase":              {byPhrase, []age.Identity{identity}, ""},
		"none":                        {forKey, nil, backup.IdentityMissing},
		"no passphrase":               {byPhrase, nil, backup.IdentityMissing},
		"another key":                 {forKey, []age.Identity{newKey(t)}, backup.IdentityWrong},
		"another passphrase":          {byPhrase, []age.Identity{wrong}, backup.PassphraseWrong},
		"a passphrase for a key":      {forKey, []age.Identity{identity}, backup.IdentityWrong},
		"a key for what is not":       {plain, []age.Identity{key}, backup.RepositoryNotEncrypted},
		"a passphrase for what isn't": {plain, []age.Identity{identity}, backup.RepositoryNotEncrypted},
	} {
		folder, err := receive(t, one.stream, one.identities...)
		if one.refused == "" && err != nil || one.refused != "" && !isRefused(err, one.refused) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil {
			isEmpty(t, filepath.Dir(folder))
		}
	}
}

func isRefused(err error, id backup.ProblemID) bool {
	refused, ok := errors.AsType[*backup.RefusedError](err)
	return ok && refused.Problems[0].ID == id
}

func TestAStreamThatNobodyReadsAnyMoreEnds(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.largeMedium()
	staging := t.TempDir()
	reader, writer := io.Pipe()
	gone := errors.New("the reader is gone")
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, reader, 100_000)
		read <- errors.Join(err, reader.CloseWithError(gone))
	}()
	_, err := backup.CreateStream(t.Context(), writer, backup.StreamOptions{CreateOptions: s.options(), Staging: staging})
	if !errors.Is(err, gone) {
		t.Error(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	isEmpty(t, staging)
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	staging := t.TempDir()
	var to bytes.Buffer
	options := s.options()
	options.Progress = func(now backup.Progress) {
		if now.Phase == backup.PhaseMedia {
			cancel(stopped)
		}
	}
	if _, err := backup.CreateStream(ctx, &to, backup.StreamOptions{CreateOptions: options, Staging: staging}); !errors.Is(err, stopped) {
		t.Error(err)
	}
	isEmpty(t, staging)
	refusedStream(t, "half", "", to.Bytes())
}

func TestWhatHindersAStreamIsSaidBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	if err := os.Remove(s.path("etc/log.yaml")); err != nil {
		t.Fatal(err)
	}
	var to bytes.Buffer
	_, err := backup.CreateStream(t.Context(), &to, backup.StreamOptions{CreateOptions: s.options(), Staging: t.TempDir()})
	if !isRefused(err, backup.FileMissing) || to.Len() > 0 {
		t.Errorf("%d bytes, %v", to.Len(), err)
	}
	options := s.options()
	options.AllowMissing = true
	_, err = backup.CreateStream(t.Context(), &to, backup.StreamOptions{CreateOptions: options, Staging: s.path("none")})
	if !isRefused(err, backup.StagingUnfit) || to.Len() > 0 {
		t.Errorf("%d bytes, %v", to.Len(), err)
	}
}

func TestWhatAKilledStreamHasLeftIsRemoved(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	staging := t.TempDir()
	left, others := filepath.Join(staging, "synapse-stream-1"), filepath.Join(staging, "synapse-stream-2")
	for path, name := range map[string]string{left: ".lock", others: "without.lock"} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alive := false
	options := s.options()
	options.Progress = func(backup.Progress) {
		if alive {
			return
		}
		alive = true
		// Another one that is made meanwhile leaves this one's folder alone.
		var to bytes.Buffer
		if _, err := backup.CreateStream(t.Context(), &to, backup.StreamOptions{CreateOptions: s.options(), Staging: staging}); err != nil {
			t.Error(err)
		}
	}
	var to bytes.Buffer
	manifest, err := backup.CreateStream(t.Context(), &to, backup.StreamOptions{CreateOptions: options, Staging: staging})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
	if _, err := os.Stat(others); err != nil {
		t.Error(err)
	}
	folder, err := receive(t, to.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s.comesBack(folder, manifest)
}

func TestAStreamIsReceivedIntoAnEmptyFolderAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	_, stream := s.streamed()
	folder := t.TempDir()
	for i, want := range []backup.ProblemID{"", backup.TargetNotEmpty} {
		repository, err := backup.ReceiveStream(t.Context(), bytes.NewReader(stream), backup.ReceiveOptions{Folder: folder})
		if want == "" && err != nil || want != "" && !isRefused(err, want) {
			t.Fatalf("%d: %v", i, err)
		}
		if repository != nil {
			closing(t, repository)
		}
	}
	if _, err := backup.OpenRepository(folder); err != nil {
		t.Error("what was there is gone: ", err)
	}
	lost := errors.New("the line is cut")
	cut := io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), iotest.ErrReader(lost))
	folder = filepath.Join(t.TempDir(), "received")
	_, err := backup.ReceiveStream(t.Context(), cut, backup.ReceiveOptions{Folder: folder})
	if _, isDamage := errors.AsType[*backup.DamagedError](err); isDamage || !errors.Is(err, lost) {
		t.Error(err)
	}
	isEmpty(t, filepath.Dir(folder))
}

// A file may grow while it is read, as one does that is being uploaded: what is in the stream is one state of it.
func TestMediaThatGrowAreWholeInAStream(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.largeMedium()
	growing, err := os.OpenFile(s.path("media_store/local_content/aa/bb/large"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer growing.Close()
	options, left := s.options(), 10 // else it would grow as long as it is read
	options.Progress = func(now backup.Progress) {
		if now.Phase == backup.PhaseMedia && left > 0 {
			left--
			if _, err := growing.WriteString("more"); err != nil {
				t.Error(err)
			}
		}
	}
	var to bytes.Buffer
	manifest, err := backup.CreateStream(t.Context(), &to, backup.StreamOptions{CreateOptions: options, Staging: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := receive(t, to.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	s.comesBack(folder, manifest)
}
