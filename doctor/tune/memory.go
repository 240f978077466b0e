package tune

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Memory is what this machine has, in bytes, or the limit of the container that this program runs in. It is known on Linux only.
func Memory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("find out how much memory this machine has: %w", err)
	}
	found := regexp.MustCompile(`(?m)^MemTotal:\s+([0-9]+) kB$`).FindSubmatch(text)
	if found == nil {
		return 0, errors.New("find out how much memory this machine has: /proc/meminfo has no MemTotal")
	}
	total, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("find out how much memory this machine has: %w", err)
	}
	total *= kilobyte
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		limit, err := os.ReadFile(file)
		if bytes, notNumber := strconv.ParseInt(strings.TrimSpace(string(limit)), 10, 64); err == nil && notNumber == nil && bytes > 0 {
			total = min(total, bytes)
		}
	}
	return total, nil
}

// leastMemory is what a server with a homeserver cannot do without. Above mostMemory the advice would be more than the server takes.
const (
	leastMemory = 256 * megabyte
	mostMemory  = (16 << 10) * gigabyte
)

// ParseMemory reads "8GB", "512MB" or "8GiB". A unit is needed; it counts in steps of 1024, as PostgreSQL's own.
func ParseMemory(text string) (int64, error) {
	found := regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([kKMGT])i?B?$`).FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return 0, fmt.Errorf("%q is no size; write it like 8GB or 512MB", text)
	}
	number, err := strconv.ParseFloat(found[1], 64)
	unit := map[string]int64{"k": kilobyte, "K": kilobyte, "M": megabyte, "G": gigabyte, "T": gigabyte << 10}[found[2]]
	bytes := number * float64(unit)
	if err != nil || bytes < float64(leastMemory) || bytes > float64(mostMemory) {
		return 0, fmt.Errorf("%q is no memory of a server: 256MB to 16TB", text)
	}
	return int64(bytes), nil
}
