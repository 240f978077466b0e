package docs_test

import (
	"bytes"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/cli"
	"github.com/synapsedb/synapse/schema"
)

// Whatever the commands print and take is on their pages.
func TestCommandsAreDescribed(t *testing.T) {
	t.Parallel()
	upgrade, status := read(t, "upgrade.md"), read(t, "status.md")
	for page, want := range map[string][]string{
		upgrade: slices.Concat(jsonNames(reflect.TypeFor[schema.Plan](), ""), jsonNames(reflect.TypeFor[schema.Step](), "steps.")),
		status: slices.Concat(jsonNames(reflect.TypeFor[schema.Status](), ""), jsonNames(reflect.TypeFor[schema.State](), ""),
			jsonNames(reflect.TypeFor[schema.Update](), "pending_updates."), constants(t, "../schema", "Verdict")),
	} {
		for _, name := range want {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("no page describes %s", name)
			}
		}
	}
}

func TestEveryFlagOfTheSchemaCommandsIsDescribed(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`(?m)^ +(?:-[a-z], )?(--[a-z-]+)`)
	described := regexp.MustCompile("(?m)^\\| `(?:-[a-z]`, `)?(--[a-z-]+)")
	for _, command := range []string{"upgrade", "status"} {
		var output bytes.Buffer
		if code := cli.Main([]string{"synapse", command, "--help"}, &output, &output); code != 0 {
			t.Fatalf("exit code %d\n%s", code, output.String())
		}
		_, flags, _ := strings.Cut(output.String(), "Flags:\n")
		if diff := cmp.Diff(names(flag, flags), names(described, read(t, command+".md"))); diff != "" {
			t.Errorf("flags (-help +docs/%s.md):\n%s", command, diff)
		}
	}
}

// names are what the first group of an expression finds.
func names(expression *regexp.Regexp, text string) []string {
	var found []string
	for _, match := range expression.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	slices.Sort(found)
	return found
}

// jsonNames are the names of a struct's own fields.
func jsonNames(of reflect.Type, before string) []string {
	var found []string
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			found = append(found, before+name)
		}
	}
	return found
}
