package port_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// asideLine is a line of the file of rows set aside, read as docs/port.md describes it.
type asideLine struct {
	Action  string `json:"action"`
	Table   string `json:"table"`
	RowID   int64  `json:"rowid"`
	Reasons []struct {
		Column string `json:"column"`
		Class  string `json:"class"`
	} `json:"reasons"`
	Row map[string]json.RawMessage `json:"row"`
}

func readAside(t testing.TB, path string) []asideLine {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []asideLine
	for text := range strings.Lines(string(content)) {
		var line asideLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if len(line.Reasons) == 0 {
			t.Errorf("a line gives no reason: %s", text)
		}
		lines = append(lines, line)
	}
	return lines
}

const storedForm = `CASE typeof(%[1]s) WHEN 'null' THEN 'null' WHEN 'real' THEN 'real ' || printf('%%!.17g', %[1]s)
WHEN 'integer' THEN 'integer ' || %[1]s ELSE typeof(%[1]s) || ' ' || lower(hex(%[1]s)) END`

// checkOriginal compares every value of the line with what the source stores, its class included. Rows taken out of
// the target again have no rowid; their values stand as PostgreSQL writes them.
func (l asideLine) checkOriginal(t testing.TB, sides comparison) {
	t.Helper()
	if l.RowID == 0 {
		return
	}
	for column, written := range l.Row {
		if l.Table == "event_search" && (column == "origin_server_ts" || column == "stream_ordering") {
			continue // those are the event's
		}
		var stored string
		query := fmt.Sprintf("SELECT "+storedForm+" FROM %[2]s WHERE rowid = ?",
			sqlite.QuoteIdentifier(column), sqlite.QuoteIdentifier(l.Table))
		if err := sides.source.QueryRowContext(t.Context(), query, l.RowID).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if got := original(t, written); !sameOriginal(got, stored) {
			t.Errorf("%s row %d, column %s: the file has %.200s, the source %.200s", l.Table, l.RowID, column, got, stored)
		}
	}
}

// original reads a value of the file back into the class and bytes it stands for.
func original(t testing.TB, written json.RawMessage) string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(written)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	switch value := value.(type) {
	case nil:
		return "null"
	case json.Number:
		return "integer " + value.String()
	case string:
		return "text " + hex.EncodeToString([]byte(value))
	case map[string]any:
		for form, text := range value {
			content, _ := text.(string)
			if form == "real" {
				return "real " + content
			}
			bytes, err := base64.StdEncoding.DecodeString(content)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSuffix(form, "_base64") + " " + hex.EncodeToString(bytes)
		}
	}
	t.Fatalf("a value of an unknown form: %s", written)
	return ""
}

func sameOriginal(written, stored string) bool {
	one, isReal := strings.CutPrefix(written, "real ")
	two, alsoReal := strings.CutPrefix(stored, "real ")
	if !isReal || !alsoReal {
		return written == stored
	}
	first, errFirst := strconv.ParseFloat(one, 64)
	second, errSecond := strconv.ParseFloat(two, 64)
	return errFirst == nil && errSecond == nil && first == second
}

func run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return output
}

var dumpToken = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// withoutTokens removes the random words that newer versions of pg_dump protect their output with.
func withoutTokens(text string) string { return dumpToken.ReplaceAllString(text, "") }
