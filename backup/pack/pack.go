package pack

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
)

// Size is the most that a pack has in the store, in bytes.
const Size = 16 << 20

// step is what sizes of encrypted packs are multiples of, in bytes.
const step = 1 << 20

// Pack is one that lies in a store.
type Pack struct {
	// Name is that in the store: packs/AB/ and 32 hexadecimal digits, of which AB are the first two.
	Name string `json:"name"`
	// Size is that in the store, in bytes.
	Size int64 `json:"size"`
	// SHA256 is of what lies in the store, in 64 hexadecimal digits.
	SHA256 string `json:"sha256"`
}

// Folder is the first part of the names of all packs.
const Folder = "packs"

var (
	nameForm = regexp.MustCompile(`^packs/([0-9a-f]{2})/([0-9a-f]{2})[0-9a-f]{30}$`)
	sumForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ValidName reports whether a name is one that a Writer gives. Everything else in the folder is not a pack.
func ValidName(name string) bool {
	parts := nameForm.FindStringSubmatch(name)
	return parts != nil && parts[1] == parts[2]
}

// Check looks whether it can be the description of a pack, whoever wrote it; it reads nothing. The error is a *DamagedError.
func (p Pack) Check() error {
	switch {
	case !ValidName(p.Name):
		return &DamagedError{Name: fmt.Sprintf("%.200q", p.Name), What: "that is not the name of a pack"}
	case p.Size < 1 || p.Size > Size:
		return &DamagedError{Name: p.Name, What: fmt.Sprintf("its size is said to be %d bytes, and a pack has 1 to %d", p.Size, Size)}
	case !sumForm.MatchString(p.SHA256):
		return &DamagedError{Name: p.Name, What: "what is said to be its SHA-256 is none"}
	}
	return nil
}

// newName is one that no other pack has.
func newName() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	digits := hex.EncodeToString(random)
	return Folder + "/" + digits[:2] + "/" + digits
}
