package sqlite

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage counts the descriptors through which processes have a file open, as far as this user may see them.
type usage struct {
	here        int  // by this process
	hereWriting bool // and one of them for writing
	elsewhere   int  // by other processes
}

// users looks through /proc. SQLite shows by a lock that it is at work, but in rollback mode an idle server holds none.
func users(path string) usage {
	var found usage
	target, err := os.Stat(path)
	if err != nil {
		return found
	}
	own := strconv.Itoa(os.Getpid())
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is constant and well formed
	for _, link := range links {
		info, err := os.Stat(link)
		if err != nil || !os.SameFile(info, target) {
			continue
		}
		process, descriptor := strings.Split(link, "/")[2], filepath.Base(link)
		if process != own {
			found.elsewhere++
			continue
		}
		found.here++
		found.hereWriting = found.hereWriting || writing(descriptor)
	}
	return found
}

// writing reads the access mode of one of our descriptors: the last octal digit of its flags.
func writing(descriptor string) bool {
	file, err := os.Open("/proc/self/fdinfo/" + descriptor)
	if err != nil {
		return false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if flags, found := strings.CutPrefix(lines.Text(), "flags:"); found {
			return !strings.HasSuffix(flags, "0")
		}
	}
	return false
}
