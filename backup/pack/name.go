package pack

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The longest name of a file, in bytes, and the most parts of one, which six digits can count.
const (
	longestName = 4096
	mostParts   = 999_999
)

var partForm = regexp.MustCompile(`^(.+)\.part-([0-9]{6})$`)

// partName is the member with a part of a file.
func partName(name string, part int) string { return fmt.Sprintf("%s.part-%06d", name, part) }

// looksLikePart reports whether a file has the name of a part.
func looksLikePart(name string) bool { return partForm.MatchString(name) }

// splitMember tells which part of which file a member is; 0 is the whole file. What is wrong with the name is said in words, and "" is nothing.
func splitMember(member string) (name string, part int, problem string) {
	name = member
	if found := partForm.FindStringSubmatch(member); found != nil {
		name = found[1]
		part, _ = strconv.Atoi(found[2]) // six digits
		if part == 0 {
			return "", 0, "parts are counted from 1"
		}
	}
	return name, part, NameProblem(name)
}

// NameProblem says what is wrong with the name of a file in a pack, and "" when nothing is: it refuses a name that does not stay below a folder on every system, or that could not be shown.
func NameProblem(name string) string {
	switch {
	case len(name) > longestName:
		return fmt.Sprintf("it has more than %d bytes", longestName)
	case !fs.ValidPath(name), name == ".", !filepath.IsLocal(filepath.FromSlash(name)):
		return "it leads out of the folder, or is not in its shortest form"
	case strings.ContainsRune(name, '\\'), strings.ContainsFunc(name, unicode.IsControl):
		return "it has a backslash or a control character"
	}
	return ""
}
