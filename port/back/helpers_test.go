package back_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/port/back"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[backProcess](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

func configOf(t testing.TB, database *dbtest.Database) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func ours(t testing.TB) *schema.Set {
	t.Helper()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// generated is the demo's database, which is made once.
var generated = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "back")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "homeserver.db")
	_, err = demo.Generate(context.Background(), path, demo.Options{Events: 400, Seed: 7})
	content, readErr := os.ReadFile(path)
	return content, errors.Join(err, readErr, os.RemoveAll(folder))
})

// demoSource returns a demo's SQLite file and the PostgreSQL database that it was ported to.
func demoSource(t testing.TB) (original string, database *dbtest.Database) {
	t.Helper()
	content, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	original = filepath.Join(t.TempDir(), "original.db")
	if err := os.WriteFile(original, content, 0o600); err != nil {
		t.Fatal(err)
	}
	database = dbtest.NewPreparedDatabase(t, "ported", func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		portInto(t, original, empty, nil)
	})
	return original, database
}

// portInto ports, and finishes what is enqueued then as a homeserver would.
func portInto(t testing.TB, original string, database *dbtest.Database, set *schema.Set) {
	t.Helper()
	_, err := port.Run(t.Context(), port.Options{
		Source: original, Target: configOf(t, database), Upstream: set, SetAsideFile: filepath.Join(t.TempDir(), "aside.jsonl"),
	})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, database, "DELETE FROM background_updates")
}

func execute(t testing.TB, database *dbtest.Database, statements ...string) {
	t.Helper()
	config := configOf(t, database)
	connection, err := config.Connect(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := connection.Exec(t.Context(), statement); err != nil {
			t.Error(statement, err)
		}
	}
	if err := connection.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// moveBack makes the file in a folder of its own.
func moveBack(t testing.TB, database *dbtest.Database, set *schema.Set, change func(*back.Options)) (path string, report *back.Report, err error) {
	t.Helper()
	options := back.Options{
		Sources: []back.Source{{Label: "master", Config: configOf(t, database)}}, Set: set, Destination: filepath.Join(t.TempDir(), "new.db"),
	}
	if change != nil {
		change(&options)
	}
	report, err = back.Run(t.Context(), options)
	return options.Destination, report, err
}

// shell runs Debian's sqlite3, which is another SQLite than ours, with the full-text module that ours lacks.
func shell(t testing.TB, path, statements string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sqlite3", path)
	command.Stdin = strings.NewReader(statements)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", statements, err, output)
	}
	return strings.TrimSpace(string(output))
}

// notSame are the tables whose rows are not copied.
func notSame() []string {
	return slices.Concat(homeserver.RegeneratedTables(), homeserver.TransientTables(), homeserver.BookkeepingTables(),
		[]string{homeserver.EventSearchTable, homeserver.DirectoryPositionTable})
}

const tableColumnsSQL = `SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND m.name NOT LIKE 'event\_search\_%' ESCAPE '\' ORDER BY 1, 2`

// sameRows compares all rows of two files, value by value and class by class, in another SQLite.
func sameRows(t testing.TB, original, made string) (tables int, rows string) {
	t.Helper()
	columns := map[string][]string{}
	for line := range strings.SplitSeq(shell(t, original, tableColumnsSQL), "\n") {
		table, column, _ := strings.Cut(line, "|")
		columns[table] = append(columns[table], column)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "ATTACH '%s' AS made;\n", made)
	var counts []string
	for name, columns := range columns {
		if slices.Contains(notSame(), name) {
			continue
		}
		tables++
		var forms []string
		for _, column := range columns {
			switch column {
			case "fields": // of profiles; PostgreSQL spells JSON its own way, see sameJSON
				forms = append(forms, "typeof(fields)")
			case "response_json", "key_json", "verify_key", "filter_json": // bytes, which the originals also hold as texts
				forms = append(forms, "hex("+column+")")
			default:
				forms = append(forms, fmt.Sprintf(`quote("%s") || typeof("%[1]s")`, column))
			}
		}
		grouped := func(side string) string {
			return fmt.Sprintf(`SELECT count(*), %s FROM %s."%s" GROUP BY %s`, strings.Join(forms, ", "), side, name, strings.Join(forms, ", "))
		}
		for _, pair := range [][2]string{{"main", "made"}, {"made", "main"}} {
			fmt.Fprintf(&script, "SELECT '%s only in %s', * FROM (%s EXCEPT %s) LIMIT 3;\n", name, pair[0], grouped(pair[0]), grouped(pair[1]))
		}
		counts = append(counts, `SELECT count(*) AS n FROM main."`+name+`"`)
	}
	if differences := shell(t, original, script.String()); differences != "" {
		t.Errorf("rows differ:\n%.3000s", differences)
	}
	return tables, shell(t, original, "SELECT sum(n) FROM ("+strings.Join(counts, " UNION ALL ")+")")
}

const fieldsSQL = `SELECT json_object('user', user_id, 'fields', CAST(fields AS TEXT)) FROM profiles WHERE fields IS NOT NULL ORDER BY user_id`

// sameJSON compares what PostgreSQL spells in its own way.
func sameJSON(t testing.TB, original, made string) {
	t.Helper()
	if diff := cmp.Diff(jsonFields(t, original), jsonFields(t, made)); diff != "" {
		t.Errorf("profiles.fields (-original +made):\n%s", diff)
	}
}

func jsonFields(t testing.TB, path string) map[string]any {
	t.Helper()
	found := map[string]any{}
	for line := range strings.SplitSeq(shell(t, path, fieldsSQL), "\n") {
		var row struct {
			User   string `json:"user"`
			Fields string `json:"fields"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(line, err)
		}
		var fields any
		if err := json.Unmarshal([]byte(row.Fields), &fields); err != nil {
			t.Fatal(row.Fields, err)
		}
		found[row.User] = fields
	}
	return found
}

const catalogSQL = `SELECT json_array(type, name, tbl_name, sql) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name`

var spaces = regexp.MustCompile(`\s+`)

// catalogOf is everything that a file's schema consists of, one thing in a line.
func catalogOf(t testing.TB, path string) []string {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(shell(t, path, catalogSQL), "\n") {
		var thing [4]string
		if err := json.Unmarshal([]byte(line), &thing); err != nil {
			t.Fatal(line, err)
		}
		thing[3] = strings.TrimSpace(spaces.ReplaceAllString(thing[3], " "))
		lines = append(lines, strings.Join(thing[:], " | "))
	}
	return lines
}

func isBookkeeping(line string) bool {
	return slices.ContainsFunc(schema.BookkeepingTables(), func(table string) bool { return strings.Contains(line, " | "+table+" | ") })
}

// setOfFile is the schema that a real file has, as the full schema of a set of upstream's.
func setOfFile(t testing.TB, path string, version int) *schema.Set {
	t.Helper()
	query := `SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT IN ('schema_version', 'schema_compat_version', 'applied_schema_deltas', 'applied_module_schemas')
AND name NOT LIKE 'event\_search\__%' ESCAPE '\' AND name NOT LIKE 'user\_directory\_search\__%' ESCAPE '\' ORDER BY type = 'trigger', rowid`
	tables := shell(t, path, query)
	seeds := regexp.MustCompile(`(?m)^INSERT INTO (user_directory_stream_pos)\b.*$`).FindAllString(shell(t, path, ".dump user_directory_stream_pos"), -1)
	bookkeeping, err := fs.ReadFile(os.DirFS("../../homeserver/upstream/testdata/schema"), "common/schema_version.sql")
	if err != nil {
		t.Fatal(err)
	}
	number := fmt.Sprint(version)
	files := fstest.MapFS{"common/schema_version.sql": {Data: bookkeeping}}
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, logical := range []string{"common", "main", "state"} {
			content := "SELECT 1;"
			if kind == "sqlite" && logical == "main" {
				content = tables + "\n" + strings.Join(seeds, "\n")
			}
			files[logical+"/full_schemas/"+number+"/full.sql."+kind] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	set, err := schema.New(schema.Definition{
		Name: "upstream", Version: version, CompatVersion: 84, Engines: []engine.Kind{engine.SQLite, engine.Postgres},
		Databases: []string{"main", "state"}, Files: files, Rules: schema.Upstream,
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
