package upstream

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

func TestReadConstant(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source string
		want   int
		line   int
		wrong  string // in the error
	}{
		"plain":                      {source: "SCHEMA_VERSION = 94\n", want: 94},
		"without a line's end":       {source: "SCHEMA_VERSION=94", want: 94},
		"annotated":                  {source: "from typing import Final\nSCHEMA_VERSION: Final = 94  # a number\n", want: 94},
		"annotated with an index":    {source: "SCHEMA_VERSION: \"Final[int]\" = 94\n", want: 94},
		"with separators":            {source: "SCHEMA_VERSION = 1_0001\n", want: 10001},
		"Windows lines":              {source: "\"\"\"text\r\n\"\"\"\r\nSCHEMA_VERSION = 94\r\n", want: 94},
		"a byte order mark":          {source: "\ufeffSCHEMA_VERSION = 94\n", want: 94},
		"continued":                  {source: "SCHEMA_VERSION = \\\n    94\n", want: 94},
		"in brackets with remarks":   {source: "SCHEMA_VERSION = (\n    # 1) \" a remark\n    (94)  # another\n)\n\"\"\"about it\"\"\"\n", want: 94},
		"after a semicolon":          {source: "import os; SCHEMA_VERSION = 94\n", want: 94},
		"only mentioned before":      {source: "\"\"\"\nSCHEMA_VERSION = 1\n\"\"\"\n# SCHEMA_VERSION = 2\nx = 'SCHEMA_VERSION = 3'\nSCHEMA_VERSION = 94\n", want: 94},
		"used afterwards":            {source: "SCHEMA_VERSION = 94\nif SCHEMA_VERSION == 3 and SCHEMA_VERSION <= 4: pass\nf(SCHEMA_VERSION=2)\nx = {SCHEMA_VERSION: 5}\nprint(f\"{SCHEMA_VERSION}\")\n", want: 94},
		"declared first":             {source: "SCHEMA_VERSION: int\nSCHEMA_VERSION = 94\n", want: 94},
		"strings with quotes":        {source: "a = rb'\\'' + \"\\\"\" + '''it's \\''' ''' ''\nSCHEMA_VERSION = 94\n", want: 94},
		"another name":               {source: "MY_SCHEMA_VERSION = 94\nSCHEMA_VERSIONS = 95\n", wrong: "not assigned"},
		"empty":                      {wrong: "not assigned"},
		"imported":                   {source: "from elsewhere import SCHEMA_VERSION\n", wrong: "not assigned"},
		"declared only":              {source: "SCHEMA_VERSION: int\n", wrong: "not assigned"},
		"an expression":              {source: "\n\nSCHEMA_VERSION = 90 + 4\n", line: 3, wrong: "not a plain number"},
		"a name":                     {source: "SCHEMA_VERSION = LATEST\n", line: 1, wrong: "not a plain number"},
		"a string":                   {source: "SCHEMA_VERSION = '94'\n", line: 1, wrong: "not a plain number"},
		"a call":                     {source: "SCHEMA_VERSION = int(94)\n", line: 1, wrong: "not a plain number"},
		"a tuple":                    {source: "SCHEMA_VERSION = (94,)\n", line: 1, wrong: "not a plain number"},
		"nothing":                    {source: "SCHEMA_VERSION = ()\n", line: 1, wrong: "not a plain number"},
		"negative":                   {source: "SCHEMA_VERSION = -94\n", line: 1, wrong: "not a plain number"},
		"hexadecimal":                {source: "SCHEMA_VERSION = 0x5e\n", line: 1, wrong: "not a plain number"},
		"a fraction":                 {source: "SCHEMA_VERSION = 94.0\n", line: 1, wrong: "not a plain number"},
		"too great":                  {source: "SCHEMA_VERSION = 99999999999\n", line: 1, wrong: "not a plain number"},
		"chained":                    {source: "SCHEMA_VERSION = X = 94\n", line: 1, wrong: "not a plain number"},
		"chained second":             {source: "X = SCHEMA_VERSION = 94\n", line: 1, wrong: "not a plain number"},
		"increased":                  {source: "SCHEMA_VERSION = 94\nSCHEMA_VERSION += 1\n", line: 2, wrong: "a second time, after line 1"},
		"assigned twice":             {source: "SCHEMA_VERSION = 94\nSCHEMA_VERSION = 95\n", line: 2, wrong: "a second time"},
		"on a condition":             {source: "if x:\n    SCHEMA_VERSION = 94\n", line: 2, wrong: "not a plain number"},
		"on a condition in its line": {source: "if x: SCHEMA_VERSION = 94\n", line: 1, wrong: "not a plain number"},
		"line after a string":        {source: "'''\n\n'''\nx = (\n1)\nSCHEMA_VERSION = z\n", line: 6, wrong: "not a plain number"},
		"a string without end":       {source: "x = 'abc\nSCHEMA_VERSION = 94\n", line: 1, wrong: "a string is never closed"},
		"a long string without end":  {source: "x = 3\n\"\"\"abc\n\\\"\"\"", line: 2, wrong: "a string is never closed"},
		"a bracket without end":      {source: "SCHEMA_VERSION = (94\n", line: 1, wrong: "a bracket is never closed"},
		"brackets that do not match": {source: "SCHEMA_VERSION = (94]\n", line: 1, wrong: "not open"},
		"not Python":                 {source: "SCHEMA_VERSION = 94\n$x\n", line: 2, wrong: "does not know"},
		"a stray backslash":          {source: "\\ SCHEMA_VERSION = 94\n", line: 1, wrong: "does not end its line"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readConstant(test.source, versionConstant)
			if test.wrong == "" {
				if err != nil || got != test.want {
					t.Fatalf("%d, %v; want %d", got, err, test.want)
				}
				return
			}
			constant, typed := errors.AsType[*ConstantError](err)
			if !typed || constant.Line != test.line || !strings.Contains(err.Error(), test.wrong) || !strings.Contains(err.Error(), "SCHEMA_VERSION: ") {
				t.Fatalf("%d, %v; want line %d and %q", got, err, test.line, test.wrong)
			}
		})
	}
}

func TestReadNamesTheFileOfAWrongConstant(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{constantsFile: {Data: []byte("SCHEMA_VERSION = 94\nSCHEMA_COMPAT_VERSION = SCHEMA_VERSION - 10\n")}}
	_, err := Read(files)
	const want = "__init__.py:2: read SCHEMA_COMPAT_VERSION: what it is assigned is not a plain number; "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v; want %q", err, want)
	}
}

// FuzzReadConstant: whatever the text is, the answer does not depend on what surely says nothing, and errors name a line
// that exists.
func FuzzReadConstant(f *testing.F) {
	for _, source := range []string{
		"SCHEMA_VERSION: Final = 94\n", "SCHEMA_VERSION = (\n  # a\n  84\n)\n", "x = '''\n'''; SCHEMA_VERSION = 3", "f'\\\n'\nSCHEMA_VERSION = 1\\\n", "if (\n",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		version, err := readConstant(source, versionConstant)
		if wrong, typed := errors.AsType[*ConstantError](err); (err != nil) != typed || typed && (wrong.Line < 0 || wrong.Line > strings.Count(source, "\n")+1) {
			t.Fatalf("%v", err)
		}
		if version < 0 || err != nil && version != 0 {
			t.Fatalf("%d, %v", version, err)
		}
		surrounded := "'''SCHEMA_VERSION = 1'''\n# SCHEMA_VERSION = 1\n" + strings.TrimPrefix(source, "\ufeff")
		if again, wrong := readConstant(surrounded, versionConstant); again != version || (wrong == nil) != (err == nil) {
			t.Fatalf("%d, %v; in surroundings %d, %v", version, err, again, wrong)
		}
	})
}
