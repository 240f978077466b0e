package pack

import (
	"archive/tar"
	"bytes"
	"testing"

	"filippo.io/age"
)

// What packing costs, against tar alone, with 1 GB of files of 1 MB that lie in memory; nothing is written to a disk.
func BenchmarkWriter(b *testing.B) {
	const size, count = 1 << 20, 1 << 10
	content := random(chance(b), size)
	name := func(i int) string { return partName("media", i+1) } // any names of one length
	b.Run("tar", func(b *testing.B) {
		b.SetBytes(size * count)
		into := bytes.NewBuffer(make([]byte, 0, Size+2*size))
		for b.Loop() {
			w := tar.NewWriter(into)
			for i := range count {
				add(b, w, &tar.Header{Name: name(i), Typeflag: tar.TypeReg}, content)
				if into.Len() > Size {
					into.Reset()
				}
			}
		}
	})
	recipients, _ := newKeys(b)
	for what, to := range map[string][]age.Recipient{"plain": nil, "encrypted": recipients} {
		b.Run(what, func(b *testing.B) {
			b.SetBytes(size * count)
			b.ReportAllocs()
			for b.Loop() {
				w := NewWriter(&counting{memory: newMemory()}, to, 2)
				for i := range count {
					if _, _, err := w.Add(b.Context(), name(i), bytes.NewReader(content)); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := w.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What reading costs: sums, decrypting, and looking at all members.
func BenchmarkAll(b *testing.B) {
	const size = 256 << 20
	recipients, identities := newKeys(b)
	to := newMemory()
	packs, _ := packed(b, to, recipients, []file{{"a", random(chance(b), size)}})
	b.SetBytes(size)
	for b.Loop() {
		for _, err := range All(b.Context(), to, packs, identities, 2) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
