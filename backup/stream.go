package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
)

// StreamOptions say what is taken, and for whom it is encrypted.
type StreamOptions struct {
	CreateOptions

	// Recipients can decrypt the stream; it is not encrypted if they are nil.
	Recipients []age.Recipient
	// Staging is where dumps, and media of more than 4 MiB one at a time, are put together; empty is the system's folder for temporary files.
	Staging string
}

// CreateStream makes a backup as a stream: a tar archive of a plain repository with this one backup, encrypted by age if there are recipients. It refuses with
// *RefusedError before it writes anything. Its last file is the manifest: a stream that was cut is no backup, and ReceiveStream refuses it. A write that
// waits for its reader is not ended with ctx; whoever ends ctx closes the writer too.
func CreateStream(ctx context.Context, to io.Writer, options StreamOptions) (*Manifest, error) {
	return create(ctx, &streamSink{to: to, options: options, known: map[[sha256.Size]byte]struct{}{}}, options.CreateOptions)
}

// streamSink makes a backup as a stream. What has been written cannot be taken back, so that every file is complete before it is written.
type streamSink struct {
	to      io.Writer
	options StreamOptions
	id      string
	folder  *ownStaging // nil until it is made
	known   map[[sha256.Size]byte]struct{}

	archive *tar.Writer // nil until something is written
	end     []func() error
}

func (s *streamSink) String() string { return "the stream" }

// begin has nobody to keep out.
func (s *streamSink) begin(ctx context.Context, now time.Time) (held context.Context, id string, err error) {
	s.id, err = newID(nil, now)
	return ctx, s.id, err
}

func (s *streamSink) stage(context.Context) (_ *staging, err error) {
	if s.folder, err = makeOwnStaging(s.options.Staging); err != nil {
		return nil, refuse(StagingUnfit, fmt.Sprintf("there is no folder in which the backup can be put together: %v", err), "name one that can be written to: --staging")
	}
	return &staging{root: s.folder.root, path: s.folder.path}, nil
}

// application is like no other: several streams may be made at a time.
func (s *streamSink) application() string { return ownApplication + " " + s.id }

// free is not known of a stream.
func (s *streamSink) free() (bytes int64, known bool) { return 0, false }

func (s *streamSink) moves() bool { return true }

// before there was no backup, as far as a stream can tell.
func (s *streamSink) before(context.Context, *slog.Logger) iter.Seq2[Medium, error] {
	return func(func(Medium, error) bool) {}
}

func (s *streamSink) keep(*Medium) bool { return false }

// take writes a file, and removes it from the folder.
func (s *streamSink) take(ctx context.Context, file *Stored, took func(int64)) error {
	if err := s.copy(ctx, below(s.id, file.Name), *file, took); err != nil {
		return err
	}
	return s.folder.root.Remove(file.Name)
}

// copy writes a file of the folder under another name.
func (s *streamSink) copy(ctx context.Context, name string, file Stored, took func(int64)) error {
	opened, err := s.folder.root.Open(file.Name)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := s.begins(name, file.Size); err != nil {
		return err
	}
	size, sum, err := copySummed(ctx, s.archive, opened, took)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && (size != file.Size || sum != file.SHA256) {
		return fmt.Errorf("%s has changed while it was written to the stream", filepath.Join(s.folder.path, file.Name))
	}
	return streamError(err)
}

// together: a stream has one end.
func (s *streamSink) together() int { return 1 }

// spooled is the copy of a medium that is too long to be held in memory.
const spooled = "spooled"

// add writes a content once. Its name and its length come first, so that it is read before it is written, and what is written is a copy that does not change.
func (s *streamSink) add(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	info, err := from.Stat()
	if err != nil {
		return stored, false, err
	}
	if info.Size() > smallContent {
		return s.addLarge(ctx, from, took)
	}
	var content bytes.Buffer
	stored.Size, stored.SHA256, err = copySummed(ctx, &content, from, took)
	if err != nil || !s.isNew(stored.SHA256) {
		return stored, false, err
	}
	return stored, true, s.write(object(stored.SHA256), content.Bytes())
}

func (s *streamSink) addLarge(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	stored, err = storeCopy(ctx, s.folder.root, spooled, from, took)
	if err == nil && s.isNew(stored.SHA256) {
		isNew, err = true, s.copy(ctx, object(stored.SHA256), stored, nil)
	}
	return stored, isNew, errors.Join(err, unlessMissing(s.folder.root.Remove(spooled)))
}

// isNew reports whether a content was not written before, and takes down that it is.
func (s *streamSink) isNew(sum string) bool {
	_, isKnown := s.known[binary(sum)]
	s.known[binary(sum)] = struct{}{}
	return !isKnown
}

func (s *streamSink) flush(context.Context) error { return nil }

// publish writes the manifest, by which it is a backup, and the ends of all that is around it.
func (s *streamSink) publish(ctx context.Context, manifest *Manifest) error {
	content, err := manifest.encode()
	if err != nil {
		return err
	}
	if err := s.write(below(s.id, sumName), []byte(sumLine(sum(content)))); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := s.write(below(s.id, manifestName), content); err != nil {
		return err
	}
	for _, end := range s.end {
		if err := end(); err != nil {
			return streamError(err)
		}
	}
	return nil
}

// discard has nothing to do: a stream without its end is no backup.
func (s *streamSink) discard() error { return nil }

func (s *streamSink) close() error { return s.folder.remove() }

// write writes a small file.
func (s *streamSink) write(name string, content []byte) error {
	if err := s.begins(name, int64(len(content))); err != nil {
		return err
	}
	_, err := s.archive.Write(content)
	return streamError(err)
}

// begins writes what is before the content of a file, and before the first one the file that says that it is a repository.
func (s *streamSink) begins(name string, size int64) error {
	if s.archive == nil {
		if err := s.start(); err != nil {
			return err
		}
		content, err := json.Marshal(description{Format: Format, ID: chance(8)})
		if err != nil {
			return err
		}
		if err := s.write(repositoryName, append(content, '\n')); err != nil {
			return err
		}
	}
	return streamError(s.archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: time.Now().Truncate(time.Second)}))
}

// start makes what is around the files. A key that is made of a passphrase takes its time, and is made once.
func (s *streamSink) start() error {
	buffered := bufio.NewWriterSize(s.to, bufferSize)
	s.end = []func() error{buffered.Flush}
	var into io.Writer = buffered
	if s.options.Recipients != nil {
		encrypted, err := age.Encrypt(buffered, s.options.Recipients...)
		if err != nil {
			return fmt.Errorf("encrypt the stream: %w", err)
		}
		s.end = []func() error{encrypted.Close, buffered.Flush}
		into = encrypted
	}
	s.archive = tar.NewWriter(into)
	s.end = append([]func() error{s.archive.Close}, s.end...)
	return nil
}

func streamError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write the stream: %w", err)
}
