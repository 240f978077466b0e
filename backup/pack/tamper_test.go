package pack

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// archiveOf is a tar archive with files.
func archiveOf(t testing.TB, files ...file) []byte {
	t.Helper()
	return archived(t, func(w *tar.Writer) {
		for _, f := range files {
			add(t, w, &tar.Header{Name: f.name}, f.content)
		}
	})
}

func archived(t testing.TB, write func(w *tar.Writer)) []byte {
	t.Helper()
	var into bytes.Buffer
	w := tar.NewWriter(&into)
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return into.Bytes()
}

func add(t testing.TB, w *tar.Writer, header *tar.Header, content []byte) {
	t.Helper()
	header.Size = int64(len(content))
	if err := w.WriteHeader(header); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
}

// behindAGoodOne is an archive with a member that is good, and another one.
func behindAGoodOne(t testing.TB, header tar.Header, content string) []byte {
	t.Helper()
	return archived(t, func(w *tar.Writer) {
		add(t, w, &tar.Header{Name: "good"}, []byte("good"))
		add(t, w, &header, []byte(content))
	})
}

// patched is an archive whose second member's header has other bytes at a place, and a sum that fits.
func patched(t testing.TB, at int, bytes ...byte) []byte {
	t.Helper()
	archive := archiveOf(t, file{"good", []byte("good")}, file{"bad", []byte("bad")})
	header := archive[2*block : 3*block]
	copy(header[at:], bytes)
	copy(header[148:], "        ") // the sum is made with blanks in its place
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return archive
}

func tampered(t testing.TB) map[string][]byte {
	t.Helper()
	const size, kind = 124, 156 // where a header has them
	good := archiveOf(t, file{"good", []byte("good")})
	archives := map[string][]byte{
		"a link":                 behindAGoodOne(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""),
		"a hard link":            behindAGoodOne(t, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "good"}, ""),
		"a folder":               behindAGoodOne(t, tar.Header{Name: "a/", Typeflag: tar.TypeDir}, ""),
		"a folder without slash": behindAGoodOne(t, tar.Header{Name: "a", Typeflag: tar.TypeDir}, ""),
		"a device":               behindAGoodOne(t, tar.Header{Name: "a", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, ""),
		"a block device":         behindAGoodOne(t, tar.Header{Name: "a", Typeflag: tar.TypeBlock}, ""),
		"a pipe":                 behindAGoodOne(t, tar.Header{Name: "a", Typeflag: tar.TypeFifo}, ""),
		"records for all": archived(t, func(w *tar.Writer) {
			add(t, w, &tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "a"}}, nil)
			add(t, w, &tar.Header{Name: "good"}, []byte("good"))
		}),
		"an attribute":                   behindAGoodOne(t, tar.Header{Name: "a", PAXRecords: map[string]string{"SCHILY.xattr.user.x": "x"}}, "x"),
		"another form":                   behindAGoodOne(t, tar.Header{Name: strings.Repeat("a", 200), Format: tar.FormatGNU}, "x"),
		"a member twice":                 archiveOf(t, file{"good", nil}, file{"good", nil}),
		"a part twice":                   archiveOf(t, file{"a.part-000001", nil}, file{"a.part-000001", nil}),
		"part zero":                      archiveOf(t, file{"a.part-000000", nil}),
		"a part of a folder":             archiveOf(t, file{"a/.part-000001", nil}),
		"a size of gigabytes":            patched(t, size, []byte("07777777777\x00")...),
		"one byte too many":              patched(t, size, []byte("00000003001\x00")...),
		"a size of 2^62":                 patched(t, size, 0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0),
		"a size below zero":              patched(t, size, bytes.Repeat([]byte{0xff}, 12)...),
		"a file with holes":              patched(t, kind, 'S'),
		"a name with a slash at its end": patched(t, 0, []byte("bad/")...),
		"no name":                        patched(t, 0, 0),
		"an unknown kind":                patched(t, kind, 'Z'),
		"no end":                         good[:len(good)-block],
		"no end at all":                  good[:len(good)-2*block],
		"half a member":                  good[:block+2],
		"something behind":               append(bytes.Clone(good), archiveOf(t, file{"b", nil})...),
		"a byte behind":                  append(bytes.Clone(good), 1),
		"something in its end":           append(append(bytes.Clone(good[:len(good)-block]), 1), make([]byte, 2*block)...),
		"no archive":                     []byte("this is no archive"),
		"no archive but blocks":          bytes.Repeat([]byte("x"), 10*block),
		"nothing":                        {0},
	}
	for _, name := range badNames() {
		if name != "" && !strings.ContainsAny(name, "\x00") && !strings.HasSuffix(name, "/") { // package tar writes none of these
			archives["the name "+name[:min(len(name), 20)]] = behindAGoodOne(t, tar.Header{Name: name, Typeflag: tar.TypeReg}, "x")
		}
	}
	return archives
}

func TestTamperedArchivesAreRefused(t *testing.T) {
	t.Parallel()
	recipients, identities := newKeys(t)
	for what, archive := range tampered(t) {
		sealed, err := Seal(archive, recipients)
		if err != nil {
			t.Fatal(err)
		}
		to := newMemory()
		if err := Read(t.Context(), to, described(to, sealed), identities, refusing(t)); err == nil {
			t.Errorf("%s was taken, encrypted", what)
		} else {
			damaged(t, err, "packs/")
		}
		if err := Read(t.Context(), to, described(to, archive), nil, refusing(t)); err == nil {
			t.Errorf("%s was taken", what)
		} else {
			damaged(t, err, "packs/")
			t.Logf("%s: %v", what, err)
		}
	}
}

func TestArchivesThatWereNotTamperedWithAreTaken(t *testing.T) {
	t.Parallel()
	to := newMemory()
	good := append(archiveOf(t, file{"good", []byte("good")}, file{strings.Repeat("l", 300), nil}, file{"a.part-000002", []byte("x")}), make([]byte, 12345)...)
	times := 0
	err := Read(t.Context(), to, described(to, good), nil, func(string, int, []byte) error {
		times++
		return nil
	})
	if err != nil || times != 3 {
		t.Errorf("%d members, %v", times, err)
	}
}
