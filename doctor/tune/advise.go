package tune

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine/postgres"
)

// Storage is what the server's data are on.
type Storage string

// The kinds of storage.
const (
	SSD Storage = "ssd"
	HDD Storage = "hdd"
)

// Wishes are what the advice is for.
type Wishes struct {
	// Memory of the server's machine, in bytes.
	Memory int64
	// Shared says that the homeserver runs on the same machine, and needs memory, too.
	Shared bool
	// Connections there shall be; zero is what max_connections says.
	Connections int
	// Storage; empty when it is not known, and then what depends on it is left out.
	Storage Storage
}

// Setting is advice about one setting of the server.
type Setting struct {
	Name string `json:"name"`
	// Current and Advice are values with their unit, as the server takes them.
	Current string `json:"current"`
	Advice  string `json:"advice"`
	Reason  string `json:"reason"`
	// Restart says that a change needs a restart of the server, not only a reload.
	Restart bool `json:"restart"`
	// Change is false when the current value is the advice.
	Change bool `json:"change"`
}

// Table is advice about the autovacuum of one table.
type Table struct {
	Database string `json:"database"`
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Rows     int64  `json:"rows"`
	DeadRows int64  `json:"dead_rows"`
	// Settings of the table; Restart is never needed.
	Settings []Setting `json:"settings"`

	schema string
}

// Report is the advice for one server.
type Report struct {
	Server  string `json:"server"`
	Version string `json:"version"`
	// MemoryBytes is what the advice is for.
	MemoryBytes int64     `json:"memory_bytes"`
	Connections int       `json:"connections"`
	Settings    []Setting `json:"settings"`
	Tables      []Table   `json:"tables"`
	// SQL is the advice as statements, for settings that would change: those of the server first.
	SQL []string `json:"sql"`
	// Configuration is the advice for the server as lines of postgresql.conf, instead of the first statements.
	Configuration []string `json:"configuration"`
	// Restart names the settings that need a restart; the others need a reload.
	Restart []string `json:"restart"`
	// Notes are what else to know.
	Notes []string `json:"notes"`
}

const (
	kilobyte = int64(1) << 10
	megabyte = int64(1) << 20
	gigabyte = int64(1) << 30
)

// Advise compares what a server has with what it should have.
func Advise(facts *Facts, wishes Wishes) *Report {
	a := &adviser{facts: facts, wishes: wishes}
	a.connections = wishes.Connections
	if a.connections == 0 {
		a.connections = int(facts.number("max_connections"))
	}
	report := &Report{
		Server: facts.Server, Version: facts.Version, MemoryBytes: wishes.Memory, Connections: a.connections,
		Settings: a.settings(), Tables: a.tables(), Notes: a.notes(), SQL: []string{}, Configuration: []string{}, Restart: []string{},
	}
	report.write()
	return report
}

type adviser struct {
	facts       *Facts
	wishes      Wishes
	connections int
}

// settings are the advice for the server, without those that it has not (of a later version).
func (a *adviser) settings() []Setting {
	var advice []Setting
	for _, one := range append(a.memory(), append(a.storage(), a.autovacuum()...)...) {
		current, known := a.facts.Settings[one.Name]
		if !known {
			continue
		}
		one.Current, one.Restart = current.text(), current.Context == "postmaster"
		one.Change = !current.is(one.Advice)
		advice = append(advice, one)
	}
	return advice
}

func (a *adviser) sharedBuffers() int64 {
	part := a.wishes.Memory / 4
	if a.wishes.Memory < gigabyte {
		part = a.wishes.Memory / 8
	}
	return round(max(part, 16*megabyte))
}

func (a *adviser) memory() []Setting {
	shared := a.sharedBuffers()
	cache, whose := a.wishes.Memory/4*3, "three quarters of the memory"
	if a.wishes.Shared {
		cache, whose = a.wishes.Memory/2, "half of the memory, since the homeserver runs on the same machine"
	}
	settings := []Setting{
		{Name: "shared_buffers", Advice: size(shared), Reason: "a quarter of the memory (an eighth below 1 GB) for the server's own cache; the rest works as the system's"},
		{Name: "effective_cache_size", Advice: size(round(cache)), Reason: "what both caches may hold: " + whose + "; nothing is taken, it makes the planner use indexes"},
		{Name: "work_mem", Advice: size(a.workMemory(shared)), Reason: fmt.Sprintf("each of %d connections may take it several times at once, for a sort or a hash", a.connections)},
		{Name: "maintenance_work_mem", Advice: size(round(between(a.wishes.Memory/16, 64*megabyte, 2*gigabyte))), Reason: "an index is built faster, as background updates of the homeserver do; one at a time"},
		{Name: "autovacuum_work_mem", Advice: size(round(between(a.wishes.Memory/32, 32*megabyte, gigabyte))), Reason: fmt.Sprintf("each of %d workers may take it; a large table is then vacuumed in one pass over its indexes", a.facts.number("autovacuum_max_workers"))},
		{Name: "huge_pages", Advice: a.hugePages(), Reason: "the system then needs less memory to keep account of shared_buffers, once it has set huge pages aside (see the notes)"},
	}
	if a.wishes.Connections > 0 {
		settings = append(settings, Setting{Name: "max_connections", Advice: strconv.Itoa(a.wishes.Connections), Reason: "what was asked for"})
	}
	return settings
}

// hugePages leaves it to a server that insists on them.
func (a *adviser) hugePages() string {
	if a.facts.Settings["huge_pages"].Value == "on" {
		return "on"
	}
	return "try"
}

// workMemory lets every connection sort three times at once in the memory that is left.
func (a *adviser) workMemory(shared int64) int64 {
	left := a.wishes.Memory - shared
	if a.wishes.Shared {
		left /= 2
	}
	return between(left/int64(max(a.connections, 1)*3)/megabyte*megabyte, 4*megabyte, 64*megabyte)
}

func (a *adviser) storage() []Setting {
	switch a.wishes.Storage {
	case SSD:
		return []Setting{
			{Name: "random_page_cost", Advice: "1.1", Reason: "a page anywhere costs an SSD hardly more than the next one, so that indexes are worth using"},
			{Name: "effective_io_concurrency", Advice: a.readAhead("200"), Reason: "an SSD answers many requests at once"},
		}
	case HDD:
		return []Setting{
			{Name: "random_page_cost", Advice: "4", Reason: "a disk has to move its head for a page elsewhere"},
			{Name: "effective_io_concurrency", Advice: a.readAhead("2"), Reason: "a disk answers one request at a time; two keep it busy"},
		}
	}
	return nil
}

// readAhead is zero where the server's system cannot read ahead: another value would not be taken.
func (a *adviser) readAhead(count string) string {
	if a.facts.Settings["effective_io_concurrency"].Maximum == "0" {
		return "0"
	}
	return count
}

func (a *adviser) autovacuum() []Setting {
	limit, reason := "1000", "a pause comes after more work, so that large tables are done in hours, not days; storage is not known (--storage)"
	switch a.wishes.Storage {
	case SSD:
		limit, reason = "2000", "a pause comes after ten times the work of the default, which an SSD does not notice"
	case HDD:
		limit, reason = "400", "a pause comes after twice the work of the default; more would be in the way of the homeserver on a disk"
	}
	return []Setting{
		{Name: "autovacuum", Advice: "on", Reason: "without it tables grow, and the server stops before its transaction numbers run out"},
		{Name: "autovacuum_vacuum_cost_limit", Advice: limit, Reason: reason},
	}
}

func (a *adviser) notes() []string {
	pages := (a.sharedBuffers() + a.sharedBuffers()/10) / (2 * megabyte)
	notes := []string{
		fmt.Sprintf("huge pages: as root, `sysctl -w vm.nr_hugepages=%d` (and in /etc/sysctl.d, to last) before the server is restarted, for pages of 2 MB; `SHOW shared_memory_size_in_huge_pages` gives the exact number since PostgreSQL 15; without them huge_pages = try changes nothing", pages+1),
		"an ALTER SYSTEM stands in postgresql.auto.conf and wins over postgresql.conf; `ALTER SYSTEM RESET name` takes it back, and `ALTER TABLE … RESET (name)` that of a table",
	}
	if a.wishes.Storage == "" {
		notes = append(notes, "random_page_cost and effective_io_concurrency depend on the storage, which is not known: say it by --storage ssd or hdd")
	}
	if a.wishes.Shared {
		notes = append(notes, "the homeserver is taken to run on the same machine and to need memory, too")
	}
	return notes
}

// write turns the advice into what can be run.
func (r *Report) write() {
	for _, one := range r.Settings {
		if !one.Change {
			continue
		}
		r.SQL = append(r.SQL, fmt.Sprintf("ALTER SYSTEM SET %s = '%s';", one.Name, one.Advice))
		r.Configuration = append(r.Configuration, fmt.Sprintf("%s = '%s'", one.Name, one.Advice))
		if one.Restart {
			r.Restart = append(r.Restart, one.Name)
		}
	}
	if len(r.SQL) > 0 {
		r.SQL = append(r.SQL, "SELECT pg_reload_conf();")
	}
	r.writeTables()
}

func (r *Report) writeTables() {
	database := ""
	for _, table := range r.Tables {
		var changes []string
		for _, one := range table.Settings {
			if one.Change {
				changes = append(changes, one.Name+" = "+one.Advice)
			}
		}
		if len(changes) == 0 {
			continue
		}
		if table.Database != database {
			database = table.Database
			r.SQL = append(r.SQL, "-- on the database that the configuration calls "+database+":")
		}
		r.SQL = append(r.SQL, fmt.Sprintf("ALTER TABLE %s.%s SET (%s);", postgres.QuoteIdentifier(table.schema), postgres.QuoteIdentifier(table.Name), strings.Join(changes, ", ")))
	}
}

func between(value, least, most int64) int64 { return min(max(value, least), most) }

// round takes off what nobody would write: below a gigabyte to 16 MB, above to 256 MB.
func round(value int64) int64 {
	step := 16 * megabyte
	if value >= 2*gigabyte {
		step = 256 * megabyte
	}
	return max(value/step*step, step)
}

// size writes a number of bytes in the largest unit that divides it.
func size(value int64) string {
	switch {
	case value%gigabyte == 0:
		return fmt.Sprintf("%dGB", value/gigabyte)
	case value%megabyte == 0:
		return fmt.Sprintf("%dMB", value/megabyte)
	}
	return fmt.Sprintf("%dkB", value/kilobyte)
}
