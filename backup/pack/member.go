package pack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a tar archive consists of, in bytes (POSIX, pax): blocks, and two of them with zeros at the end.
const (
	block      = 512
	archiveEnd = 2 * block
)

// rounded is a size in whole blocks.
func rounded(size int) int { return (size + block - 1) / block * block }

// noTime is what members have in place of a time: tar warns of the year 1970.
var noTime = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// memberHeader is what stands before a member's content.
func memberHeader(name string, size int) ([]byte, error) {
	var into bytes.Buffer
	err := tar.NewWriter(&into).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(size), Mode: 0o600, ModTime: noTime})
	return into.Bytes(), err
}

// Member is a file in a pack, or a part of one.
type Member struct {
	// Name is the file's, with slashes; it stays below a folder on every system.
	Name string
	// Part is 0 if that is the whole file, and counts parts from 1.
	Part int
	// Content is valid until the next pack is read.
	Content []byte
}

// members lists what an archive holds, and refuses one that a Writer would not have made. Contents are parts of the archive itself, so that
// a size that is only claimed takes no memory.
func members(archive []byte) ([]Member, error) {
	var (
		found   []Member
		seen    = map[string]struct{}{}
		content = bytes.NewReader(archive)
		reader  = tar.NewReader(content)
		end     int
	)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found, endProblem(archive[end:])
		}
		if err != nil {
			return nil, fmt.Errorf("it is no tar archive: %w", err)
		}
		begins := len(archive) - content.Len()
		member, err := memberOf(header, archive[begins:])
		if err != nil {
			return nil, fmt.Errorf("its member %.200q is refused: %w", header.Name, err)
		}
		if _, twice := seen[header.Name]; twice {
			return nil, fmt.Errorf("it has two members %.200q", header.Name)
		}
		seen[header.Name] = struct{}{}
		found = append(found, member)
		end = min(begins+rounded(len(member.Content)), len(archive))
	}
}

// memberOf takes regular files with a name and content, and nothing else that a header can say.
func memberOf(header *tar.Header, rest []byte) (Member, error) {
	name, part, problem := splitMember(header.Name)
	if problem != "" {
		return Member{}, errors.New(problem)
	}
	if header.Typeflag != tar.TypeReg {
		return Member{}, fmt.Errorf("it is no regular file (type %q)", header.Typeflag)
	}
	if header.Format != tar.FormatUSTAR && header.Format != tar.FormatPAX {
		return Member{}, fmt.Errorf("its header has the form of %v", header.Format)
	}
	for key := range header.PAXRecords {
		if key != "path" {
			return Member{}, fmt.Errorf("its header has a record %.200q", key)
		}
	}
	if header.Size > int64(len(rest)) {
		return Member{}, fmt.Errorf("it is said to have %d bytes, and %d are there", header.Size, len(rest))
	}
	return Member{Name: name, Part: part, Content: rest[:header.Size:header.Size]}, nil
}

// endProblem looks at what is behind the last member.
func endProblem(rest []byte) error {
	if len(rest) < archiveEnd {
		return errors.New("the end of the tar archive is missing")
	}
	if len(bytes.TrimLeft(rest, "\x00")) > 0 {
		return errors.New("something is behind the end of the tar archive")
	}
	return nil
}
