package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/internal/phases"
)

// ReceiveOptions say where a stream goes, and what opens it.
type ReceiveOptions struct {
	// Folder is where the repository is made; it is empty, or not there.
	Folder string
	// Identities decrypt the stream; with nil it has to be unencrypted, and with others it has to be encrypted.
	Identities []age.Identity
	// Progress may be nil.
	Progress func(Progress)
}

// ReceiveStream makes a plain repository of what CreateStream has written, with its one backup. All of it is compared with its checksums; whatever is not
// as it was written, and whatever a repository does not have, is refused, and what was made is removed. Nothing is written outside of the folder.
// Its errors: *DamagedError, *FormatError, *RefusedError, and those of reading.
func ReceiveStream(ctx context.Context, from io.Reader, options ReceiveOptions) (_ *Repository, err error) {
	root, err := emptyFolder(options.Folder)
	if err != nil {
		return nil, err
	}
	r := &receiving{ctx: ctx, into: root, meter: newMeter(options.Progress), got: map[string]Stored{}}
	r.meter.Enter(at(PhaseFetch, ""), 0)
	err = errors.Join(r.all(&reading{ctx: ctx, from: from, took: r.meter.Add}, options.Identities), root.Close())
	var repository *Repository
	if err == nil {
		repository, err = OpenRepository(options.Folder)
	}
	if err == nil {
		if err = r.compare(repository); err != nil {
			err = errors.Join(err, repository.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, removeStaging(options.Folder))
	}
	return repository, nil
}

// emptyFolder makes a folder, or opens one with nothing in it.
func emptyFolder(name string) (*os.Root, error) {
	if err := os.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, refuse(StagingUnfit, fmt.Sprintf("there is no folder to which the stream can be read: %v", err), "name one that can be written to: --staging")
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, refuse(TargetNotEmpty, name+" holds other files", "name an empty folder, or one that is not there yet")
	}
	return os.OpenRoot(name)
}

// receiving is one stream that is read.
type receiving struct {
	ctx     context.Context //nolint:containedctx // of one call
	into    *os.Root
	meter   *phases.Meter[step]
	source  *counted
	archive *tar.Reader
	id      string            // of the backup; empty until one of its files comes
	got     map[string]Stored // the files of the backup
	end     int64             // of the last file in the archive
}

// theStream is what is said to be damaged if it is no file of it.
const theStream = "the stream"

// counted knows where it is, and the error of what it reads from, which is not damage.
type counted struct {
	from io.Reader
	at   int64
	err  error
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.from.Read(into)
	c.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

func (r *receiving) all(from io.Reader, identities []age.Identity) error {
	opened, err := openStream(from, identities)
	if err != nil {
		return err
	}
	r.source = &counted{from: opened}
	r.archive = tar.NewReader(r.source)
	described, err := r.describes()
	if err != nil {
		return err
	}
	if err := r.files(); err != nil {
		return err
	}
	if err := r.ends(); err != nil {
		return err
	}
	return r.publish(described)
}

// openStream decrypts a stream. One that is not encrypted and should be is refused: others could have put it there.
func openStream(from io.Reader, identities []age.Identity) (io.Reader, error) {
	buffered := bufio.NewReaderSize(from, bufferSize)
	begins, err := buffered.Peek(len(pack.Intro))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch isEncrypted := string(begins) == pack.Intro; {
	case identities == nil && isEncrypted:
		return nil, refuse(IdentityMissing, "the stream is encrypted, and no key is given", "give the one that belongs to a recipient for whom it was encrypted, or its passphrase: --identity or --passphrase-file")
	case identities == nil:
		return buffered, nil
	case !isEncrypted:
		return nil, NotEncrypted(theStream)
	}
	decrypted, err := pack.Decrypt(buffered, identities)
	return decrypted, unsealedStream(err)
}

// unsealedStream gives errors of decrypting the types of this package.
func unsealedStream(err error) error {
	if _, isWrong := errors.AsType[*pack.PassphraseError](err); isWrong {
		return refuse(PassphraseWrong, "the stream is encrypted by a passphrase, and the key that is given does not open it", "look for the passphrase that it was made with: --passphrase-file")
	}
	return unsealed(theStream, err)
}

// describes reads the first file, which says that it is a repository.
func (r *receiving) describes() ([]byte, error) {
	header, err := r.next()
	if err != nil {
		return nil, err
	}
	const most = 64 << 10
	if header == nil || header.Name != repositoryName || header.Size > most {
		return nil, &DamagedError{Name: theStream, What: "it does not begin with " + repositoryName + ": it is no backup"}
	}
	content, err := io.ReadAll(r.archive)
	if err != nil {
		return nil, r.damage(repositoryName, err)
	}
	described, err := parseDescription(content)
	if err == nil && described.Packed {
		err = &DamagedError{Name: repositoryName, What: "it is of a packed repository, and a stream is a plain one"}
	}
	return content, err
}

// next is the header of the next file; nil at the end.
func (r *receiving) next() (*tar.Header, error) {
	header, err := r.archive.Next()
	if err == io.EOF { // as package tar has it
		return nil, nil //nolint:nilnil // the end is no error
	}
	if err != nil {
		return nil, r.damage(theStream, err)
	}
	if problem := headerProblem(header); problem != "" {
		return nil, &DamagedError{Name: theStream, What: fmt.Sprintf("its file %.200q is refused: %s", header.Name, problem)}
	}
	r.end = r.source.at + (header.Size+tarBlock-1)/tarBlock*tarBlock
	return header, nil
}

// tarBlock is the unit of a tar archive, in bytes; two of them with zeros are its end.
const tarBlock = 512

// headerProblem takes regular files with a name and a size, and nothing else that a header can say: no links, no devices, no holes that would be written
// as bytes which nobody sent.
func headerProblem(header *tar.Header) string {
	switch {
	case header.Typeflag != tar.TypeReg:
		return fmt.Sprintf("it is no regular file (type %q)", header.Typeflag)
	case header.Format != tar.FormatUSTAR && header.Format != tar.FormatPAX:
		return fmt.Sprintf("its header has the form of %v", header.Format)
	case !inside(header.Name):
		return "its name leads out of the repository"
	}
	for key := range header.PAXRecords {
		if key != "path" && key != "size" {
			return fmt.Sprintf("its header has a record %.200q", key)
		}
	}
	return ""
}

// damage tells a stream that is not as it was written from one that could not be read.
func (r *receiving) damage(name string, err error) error {
	if r.source.err != nil {
		return unsealedStream(r.source.err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &DamagedError{Name: name, What: "the stream ends in the middle of it"}
	}
	return &DamagedError{Name: name, What: err.Error()}
}

// files reads everything up to the manifest, which is the last.
func (r *receiving) files() error {
	for {
		header, err := r.next()
		if err != nil {
			return err
		}
		if header == nil {
			return &DamagedError{Name: theStream, What: "it has no " + manifestName + " at its end: it was cut, or its backup was not finished"}
		}
		if strings.HasPrefix(header.Name, objectsFolder+"/") {
			err = r.medium(header)
		} else {
			err = r.file(header)
		}
		if err != nil {
			return err
		}
		if r.id != "" && header.Name == below(r.id, manifestName) {
			return nil
		}
	}
}

// medium reads a content, whose name is its checksum.
func (r *receiving) medium(header *tar.Header) error {
	sum := path.Base(header.Name)
	if !sumForm.MatchString(sum) || header.Name != object(sum) {
		return r.foreign(header.Name)
	}
	stored, err := r.store(header.Name, header.Name)
	if err == nil && stored.SHA256 != sum {
		err = &DamagedError{Name: header.Name, What: "its SHA-256 has changed"}
	}
	return err
}

// file reads a file of the backup. It goes into a folder that does not have the backup's name yet.
func (r *receiving) file(header *tar.Header) error {
	parts := strings.SplitN(header.Name, "/", 3)
	if len(parts) != 3 || parts[0] != backupsFolder || !validID(parts[1]) || r.id != "" && parts[1] != r.id || !isBackupFile(parts[2]) {
		return r.foreign(header.Name)
	}
	r.id = parts[1]
	if (parts[2] == manifestName || parts[2] == sumName) && header.Size > mostIndex {
		return &DamagedError{Name: header.Name, What: "it is too long"}
	}
	stored, err := r.store(path.Join(r.partial(), parts[2]), header.Name)
	stored.Name = parts[2]
	r.got[stored.Name] = stored
	return err
}

func (r *receiving) partial() string { return backupsFolder + "/" + partialBegins + r.id }

// isBackupFile reports whether a backup can have a file of that name.
func isBackupFile(name string) bool {
	return name == manifestName || name == sumName || name == listName || strings.HasPrefix(name, filesFolder+"/") || strings.HasPrefix(name, dumpFolder+"/")
}

func (r *receiving) foreign(name string) error {
	return &DamagedError{Name: theStream, What: fmt.Sprintf("a backup has no file %.200q there", name)}
}

// store writes what comes as a file that is not there yet.
func (r *receiving) store(as, name string) (Stored, error) {
	stored, err := storeCopy(r.ctx, r.into, as, r.archive, nil)
	switch {
	case err == nil:
		return stored, nil
	case errors.Is(err, fs.ErrExist):
		return stored, &DamagedError{Name: theStream, What: fmt.Sprintf("the file %.200q comes twice", name)}
	case isFull(err):
		return stored, refuse(SpaceMissing, fmt.Sprintf("the disk of %s is full: %v", r.into.Name(), err), "make room, or name another folder: --staging")
	}
	if _, isFile := errors.AsType[*fs.PathError](err); isFile && r.source.err == nil {
		return stored, err
	}
	return stored, r.damage(name, err)
}

// ends looks that nothing comes behind the manifest but the end of the archive. All is read, since what is encrypted is only known to be whole then.
func (r *receiving) ends() error {
	header, err := r.next()
	if err != nil {
		return err
	}
	if header != nil {
		return &DamagedError{Name: theStream, What: fmt.Sprintf("the file %.200q comes behind the manifest", header.Name)}
	}
	if r.source.at < r.end+2*tarBlock {
		return &DamagedError{Name: theStream, What: "its end is missing"}
	}
	buffer := make([]byte, bufferSize)
	for {
		n, err := r.source.Read(buffer)
		if len(bytes.TrimLeft(buffer[:n], "\x00")) > 0 {
			return &DamagedError{Name: theStream, What: "something comes behind the end of its archive"}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.damage(theStream, err)
		}
	}
}

// publish makes it a repository: with folders that a backup without media does not send, and at last with the file that says so.
func (r *receiving) publish(described []byte) error {
	if err := r.into.MkdirAll(objectsFolder, 0o700); err != nil {
		return err
	}
	if err := r.into.Rename(r.partial(), backupsFolder+"/"+r.id); err != nil {
		return err
	}
	if err := syncAll(r.ctx, r.into, "."); err != nil {
		return err
	}
	return writeSynced(r.into, repositoryName, described)
}

// compare looks that what came is what the manifest and the list of media say, no more and no less.
func (r *receiving) compare(repository *Repository) (err error) {
	b, err := repository.Open(r.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	delete(r.got, manifestName)
	delete(r.got, sumName)
	for _, wanted := range b.Manifest.stored() {
		got, there := r.got[wanted.Name]
		if !there {
			return &DamagedError{Name: wanted.Name, What: "it is missing in the stream"}
		}
		if err := judge(wanted, got, nil); err != nil {
			return err
		}
		delete(r.got, wanted.Name)
	}
	for name := range r.got {
		return r.foreign(below(r.id, name))
	}
	for medium, err := range b.Media() {
		if err == nil && !repository.has(medium.SHA256, medium.Size) {
			err = &DamagedError{Name: object(medium.SHA256), What: "it is missing in the stream"}
		}
		if err == nil {
			err = context.Cause(r.ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
