package pack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"filippo.io/age"
)

// joinByHand is what the documentation tells an operator to do with parts.
const joinByHand = `find . -name '*.part-000001' | while read -r first; do
	name=${first%.part-000001}
	cat "$name".part-?????? > "$name" && rm "$name".part-??????
done`

// The programs that are on every system can read what a Writer has made, without this one.
func TestPacksAreReadByHand(t *testing.T) {
	t.Parallel()
	chance := chance(t)
	var files []file
	for i := range 50 {
		files = append(files, file{fmt.Sprintf("media/%02x/%d", i, i), random(chance, chance.IntN(4*block))})
	}
	files = append(files, file{"large", random(chance, 2*Size)}, file{"files/etc/ключ " + string(bytes.Repeat([]byte("ä"), 80)), []byte("x")}, file{"empty", nil})
	recipients, identities := newKeys(t)
	for _, encrypted := range []bool{true, false} {
		if !encrypted {
			recipients = nil
		}
		to := newMemory()
		packs, _ := packed(t, to, recipients, files)
		into := newFolder(t)
		for i, one := range packs {
			content := to.files[one.Name]
			if encrypted {
				content = decryptedByAge(t, content, identities[0])
			}
			path := filepath.Join(t.TempDir(), one.SHA256)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				run(t, into, "tar", "-x", "-f", path)
			} else { // as it comes from another program: nothing behind the archive's end may end that early
				run(t, into, "bash", "-c", `set -o pipefail; cat "$1" | tar -x`, "bash", path)
			}
		}
		run(t, into, "sh", "-c", joinByHand)
		holds(t, into, files)
	}
}

// decryptedByAge is what age's own library makes of a pack.
func decryptedByAge(t *testing.T, content []byte, identity age.Identity) []byte {
	t.Helper()
	reader, err := age.Decrypt(bytes.NewReader(content), identity)
	if err != nil {
		t.Fatal(err)
	}
	var into bytes.Buffer
	if _, err := into.ReadFrom(reader); err != nil {
		t.Fatal(err)
	}
	return into.Bytes()
}

// run runs a program in a folder, and takes whatever it says for an error.
func run(t *testing.T, in *os.Root, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = in.Name()
	if output, err := command.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("%s %v: %v\n%s", name, args, err, output)
	}
}
