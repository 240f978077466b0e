package backup

import (
	"regexp"
	"slices"
	"strings"
)

// contents is what a dump holds, as pg_restore --list gives it.
type contents []entry

// entry is a line of it.
type entry struct {
	line         string
	kind         string // such as TABLE or TABLE DATA
	schema, name string // known of tables and their rows only
}

var entryForm = regexp.MustCompile(`^[0-9]+; [0-9]+ [0-9]+ (TABLE DATA|TABLE|[A-Z ]+?) (\S+) (.*) \S+$`)

func parseEntry(line string) (entry, bool) {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, ";") {
		return entry{}, false
	}
	found := entryForm.FindStringSubmatch(line)
	if found == nil {
		return entry{line: line}, true
	}
	return entry{line: line, kind: found[1], schema: found[2], name: found[3]}, true
}

const (
	tableEntry = "TABLE"
	rowsEntry  = "TABLE DATA"
)

// missing names a table whose rows should be in the dump and are not.
func (c contents) missing(database *Database) string {
	for _, table := range database.Tables {
		there := slices.ContainsFunc(c, func(e entry) bool { return e.kind == rowsEntry && e.schema == table.Schema && e.name == table.Name })
		if !there && !table.Left && table.Rows > 0 {
			return table.Schema + "." + table.Name
		}
	}
	return ""
}

// list is a file for pg_restore --use-list: the entries that are wanted.
func (c contents) list(wanted func(entry) bool) string {
	var text strings.Builder
	for _, e := range c {
		if wanted(e) {
			text.WriteString(e.line + "\n")
		}
	}
	return text.String()
}
