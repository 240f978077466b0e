package engine

import (
	"fmt"
	"strings"
)

// List writes names for a message, the first ten of them.
func List(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}

// FindName returns the item of that name, or nil. SQLite does not tell upper case from lower, so neither does a second look.
func FindName[T any](items []*T, name string, nameOf func(*T) string) *T {
	var folded *T
	for _, item := range items {
		if nameOf(item) == name {
			return item
		}
		if strings.EqualFold(nameOf(item), name) {
			folded = item
		}
	}
	return folded
}
