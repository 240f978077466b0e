package sqlite

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	for _, open := range descriptors(path) {
		if open.process != os.Getpid() {
			found.elsewhere++
			continue
		}
		found.here++
		found.hereWriting = found.hereWriting || writing(open.number)
	}
	return found
}

// descriptor is one through which a process has a file open.
type descriptor struct {
	process int
	number  string
}

// descriptors finds all through which processes have a file open.
func descriptors(path string) []descriptor {
	target, err := os.Stat(path)
	if err != nil {
		return nil
	}
	var found []descriptor
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is constant and well formed
	for _, link := range links {
		info, err := os.Stat(link)
		if err != nil || !os.SameFile(info, target) {
			continue
		}
		if process, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
			found = append(found, descriptor{process: process, number: filepath.Base(link)})
		}
	}
	return found
}

// otherProcesses lists the other processes that have a file open, apart from those that also have one of that name open.
func otherProcesses(path, apart string) []int {
	var others []int
	for _, open := range descriptors(path) {
		if open.process != os.Getpid() && !slices.Contains(others, open.process) && !hasOpen(open.process, apart) {
			others = append(others, open.process)
		}
	}
	slices.Sort(others)
	return others
}

// hasOpen goes by the name, since the file may be removed already.
func hasOpen(process int, name string) bool {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", process)) // well formed
	return slices.ContainsFunc(links, func(link string) bool {
		target, err := os.Readlink(link)
		return err == nil && filepath.Base(strings.TrimSuffix(target, " (deleted)")) == name
	})
}

// processName is empty for a process that has ended.
func processName(process int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", process))
	return strings.TrimSpace(string(name))
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
