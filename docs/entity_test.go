package docs_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/queue"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/entity/significance"
)

func TestEntityPageHasTheComposeFiles(t *testing.T) {
	t.Parallel()
	page := read(t, "entity.md")
	for _, file := range []string{"compose.postgres.yaml", "compose.mysql.yaml"} {
		content := read(t, "../examples/thermostat/"+file)
		_, services, _ := strings.Cut(content, "\nservices:\n")
		if !strings.Contains(page, "```yaml\nservices:\n"+services+"```") {
			t.Errorf("docs/entity.md does not have %s as it is", file)
		}
	}
}

func TestEntityPageNamesEverySetting(t *testing.T) {
	t.Parallel()
	page := read(t, "entity.md")
	names := []string{setting.TypeVariable, setting.URLVariable, setting.ApplicationVariable}
	for _, described := range []reflect.Type{
		reflect.TypeFor[entity.Config](), reflect.TypeFor[significance.Rule](), reflect.TypeFor[entity.Significance[int, int]](),
	} {
		for field := range described.Fields() {
			if !field.Anonymous {
				names = append(names, field.Name)
			}
		}
	}
	for _, name := range names {
		if !regexp.MustCompile("`(Config\\.)?" + name + "[`:]").MatchString(page) {
			t.Errorf("docs/entity.md does not describe %s", name)
		}
	}
}

func TestEntityPageNamesFieldsOfTheStatus(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(read(t, "entity.md"), "| field of `Status().Queue` |")
	table, _, _ = strings.Cut(table, "\n\n")
	status, found := reflect.TypeFor[queue.Status](), 0
	for line := range strings.SplitSeq(table, "\n| `") {
		cell, _, _ := strings.Cut("`"+line, " | ")
		for name := range strings.SplitSeq(cell, ", ") {
			if !strings.HasPrefix(cell, "`") || strings.Contains(name, " ") {
				continue
			}
			if _, there := status.FieldByName(strings.Trim(name, "`")); !there {
				t.Errorf("a queue's Status has no field %s", name)
			}
			found++
		}
	}
	if found < 10 {
		t.Errorf("%d names were found", found)
	}
}

func TestEntityPageShowsTheMessagesOfSettings(t *testing.T) {
	t.Parallel()
	page := read(t, "entity.md")
	for _, environment := range []map[string]string{
		{setting.TypeVariable: "oracle"},
		{setting.TypeVariable: "postgresql"},
		{setting.TypeVariable: "mysql", setting.URLVariable: "postgresql://u@h/d"},
	} {
		_, err := setting.Read(setting.Given{}, func(name string) (string, bool) {
			value, set := environment[name]
			return value, set
		})
		if err == nil || !strings.Contains(page, "\n"+err.Error()+"\n") {
			t.Errorf("docs/entity.md does not show: %v", err)
		}
	}
}

func TestDatabasesOnTheEntityPageAreRead(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(read(t, "entity.md"), "\n## SQLite\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var urls []string
	for line := range strings.SplitSeq(table, "\n") {
		if cell, _, found := strings.Cut(strings.TrimPrefix(line, "| "), " | "); found && strings.HasPrefix(line, "| `") {
			for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
				urls = append(urls, code[1])
			}
		}
	}
	urls = slices.DeleteFunc(urls, func(url string) bool {
		return strings.HasPrefix(url, "SYNAPSE_") || strings.HasPrefix(url, "Config.") || strings.HasPrefix(url, "entity.")
	})
	if len(urls) < 8 {
		t.Fatalf("the table was not understood: %v", urls)
	}
	for _, url := range urls {
		if database, _, err := setting.Parse(url, url); err != nil || database.SQLite.Database == "" {
			t.Errorf("%v, %+v", err, database)
		}
	}
}
