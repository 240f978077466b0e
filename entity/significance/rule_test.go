package significance_test

import (
	"errors"
	"math"
	"testing"

	"github.com/synapsedb/synapse/entity/significance"
)

type (
	rule       = significance.Rule
	tolerances = map[string]significance.Tolerance
)

func TestSignificant(t *testing.T) {
	t.Parallel()
	half, tenth := significance.Tolerance{Absolute: 0.5}, significance.Tolerance{Relative: 0.1}
	for name, test := range map[string]struct {
		rule          rule
		before, after string // state | attributes
		want          bool
	}{
		"nothing":                         {rule{}, `1|{}`, `1|{}`, false},
		"form":                            {rule{}, `1|{"a":1,"b":2}`, `1.0|{"b":2,"a":1e0}`, false},
		"state":                           {rule{}, `1|{}`, `2|{}`, true},
		"attribute":                       {rule{}, `1|{"a":1}`, `1|{"a":2}`, true},
		"within absolute":                 {rule{Absolute: 0.5}, `21.0|{}`, `21.4|{}`, false},
		"absolute, exactly":               {rule{Absolute: 0.1}, `21.2|{}`, `21.3|{}`, false},
		"absolute, downwards":             {rule{Absolute: 0.1}, `21.3|{}`, `21.2|{}`, false},
		"beyond absolute":                 {rule{Absolute: 0.1}, `21.2|{}`, `21.3000000000000000000001|{}`, true},
		"large integers":                  {rule{Absolute: 0.5}, `9007199254740993|{}`, `9007199254740992|{}`, true},
		"across zero":                     {rule{Absolute: 0.1}, `-0.05|{}`, `0.05|{}`, false},
		"within relative":                 {rule{Relative: 0.1}, `100|{}`, `110|{}`, false},
		"relative to the greater":         {rule{Relative: 0.1}, `90|{}`, `100|{}`, false},
		"relative, negative":              {rule{Relative: 0.1}, `-100|{}`, `-90|{}`, false},
		"beyond relative":                 {rule{Relative: 0.1}, `100|{}`, `111.2|{}`, true},
		"relative, from zero":             {rule{Relative: 0.5}, `0|{}`, `0.001|{}`, true},
		"either will do":                  {rule{Absolute: 1, Relative: 0.01}, `1000|{}`, `1009|{}`, false},
		"either will do, near zero":       {rule{Absolute: 1, Relative: 0.01}, `0|{}`, `0.9|{}`, false},
		"text is no number":               {rule{Absolute: 5}, `"1"|{}`, `"2"|{}`, true},
		"null is no number":               {rule{Absolute: 5}, `null|{}`, `0|{}`, true},
		"numbers in the state":            {rule{Absolute: 0.5}, `{"t":1,"list":[1,{"x":2}]}|{}`, `{"t":1.5,"list":[1.1,{"x":1.9}]}|{}`, false},
		"not of attributes":               {rule{Absolute: 0.5}, `1|{"channel":1}`, `1|{"channel":1.5}`, true},
		"length of an array":              {rule{Absolute: 5}, `[1,2]|{}`, `[1]|{}`, true},
		"state of its own":                {rule{State: tolerances{"t": half}}, `{"t":1,"h":1}|{}`, `{"t":1.5,"h":1}|{}`, false},
		"the rest is exact":               {rule{State: tolerances{"t": half}}, `{"t":1,"h":1}|{}`, `{"t":1,"h":1.5}|{}`, true},
		"instead of the general one":      {rule{Absolute: 9, State: tolerances{"t": {}}}, `{"t":1,"h":1}|{}`, `{"t":1.5,"h":9}|{}`, true},
		"and the general one":             {rule{Absolute: 9, State: tolerances{"t": {}}}, `{"t":1,"h":1}|{}`, `{"t":1,"h":9}|{}`, false},
		"attribute of its own":            {rule{Attributes: tolerances{"battery": half}}, `1|{"battery":97.5,"n":1}`, `1|{"battery":97,"n":1}`, false},
		"path":                            {rule{Attributes: tolerances{"link.quality": half}}, `1|{"link":{"quality":1}}`, `1|{"link":{"quality":1.5}}`, false},
		"all below a path":                {rule{Attributes: tolerances{"link": half}}, `1|{"link":{"a":[1,{"b":1}]}}`, `1|{"link":{"a":[1.5,{"b":0.5}]}}`, false},
		"the longer path":                 {rule{Attributes: tolerances{"link": half, "link.a": tenth}}, `1|{"link":{"a":1}}`, `1|{"link":{"a":1.5}}`, true},
		"the longer path, within":         {rule{Attributes: tolerances{"link": half, "link.a": tenth}}, `1|{"link":{"a":100}}`, `1|{"link":{"a":109}}`, false},
		"through an array":                {rule{Attributes: tolerances{"list.a": half}}, `1|{"list":[{"a":1}]}`, `1|{"list":[{"a":1.5}]}`, false},
		"dot in a name":                   {rule{Attributes: tolerances{`a\.b`: half}}, `1|{"a.b":1}`, `1|{"a.b":1.5}`, false},
		"dot in a name is not a path":     {rule{Attributes: tolerances{`a.b`: half}}, `1|{"a.b":1}`, `1|{"a.b":1.5}`, true},
		"backslash in a name":             {rule{Attributes: tolerances{`a\\b`: half}}, `1|{"a\\b":1}`, `1|{"a\\b":1.5}`, false},
		"ignored":                         {rule{Ignore: []string{"seen"}}, `1|{"seen":1}`, `1|{"seen":"x"}`, false},
		"ignored, new":                    {rule{Ignore: []string{"seen"}}, `1|{}`, `1|{"seen":"x"}`, false},
		"ignored, gone":                   {rule{Ignore: []string{"b"}}, `1|{"a":1,"b":2,"c":3}`, `1|{"a":1,"c":3}`, false},
		"ignored within":                  {rule{Ignore: []string{"a.b"}}, `1|{"a":{"b":1,"c":1}}`, `1|{"a":{"c":1}}`, false},
		"ignored, what surrounds it":      {rule{Ignore: []string{"a.b"}}, `1|{"a":{"b":1}}`, `1|{}`, true},
		"beside what is ignored":          {rule{Ignore: []string{"seen"}}, `1|{"seen":1,"a":1}`, `1|{"seen":2,"a":2}`, true},
		"state with the ignored":          {rule{Ignore: []string{"seen"}}, `1|{"seen":1}`, `2|{"seen":2}`, true},
		"ignored is not of the state":     {rule{Ignore: []string{"a"}}, `{"a":1}|{}`, `{"a":2}|{}`, true},
		"below a member without a name":   {rule{Ignore: []string{"x"}}, `1|{"":{"x":1}}`, `1|{"":{"x":2}}`, true},
		"kind of attributes":              {rule{Ignore: []string{"x"}}, `1|{}`, `1|null`, true},
		"beyond a float64":                {rule{Absolute: 1e300}, `1e401|{}`, `1.1e401|{}`, true},
		"beyond it, in another form":      {rule{Absolute: 1}, `1e401|{}`, `10e400|{}`, false},
		"beyond it, absurdly":             {rule{Absolute: 1, Relative: 0.9}, `1e999999999999999999999|{}`, `2e999999999999999999999|{}`, true},
		"zero with an absurd exponent":    {rule{Absolute: 1}, `0e999999999999999999999|{}`, `0.5|{}`, false},
		"text, with a tolerance":          {rule{Absolute: 1}, `"on"|{}`, `"off"|{}`, true},
		"the same text, with a tolerance": {rule{Absolute: 1}, `"\u006fn"|{}`, `"on"|{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.rule.Check(); err != nil {
				t.Fatal(err)
			}
			for _, pair := range [][2]string{{test.before, test.after}, {test.after, test.before}} {
				got, err := test.rule.Significant(document(pair[0]), document(pair[1]))
				if err != nil || got != test.want {
					t.Errorf("%v: %v, %v", pair, got, err)
				}
			}
		})
	}
}

// document is made of "state|attributes".
func document(text string) significance.Document {
	for i := range text {
		if text[i] == '|' {
			return significance.Document{State: []byte(text[:i]), Attributes: []byte(text[i+1:])}
		}
	}
	panic("no | in " + text)
}

func TestReportsThatAreNotJSON(t *testing.T) {
	t.Parallel()
	for want, pair := range map[string][2]string{
		"state before":      {`{|{}`, `1|{}`},
		"state after":       {`1|{}`, `|{}`},
		"attributes before": {`1|x`, `1|{}`},
		"attributes after":  {`1|{}`, `1|{`},
	} {
		_, err := rule{Ignore: []string{"a"}}.Significant(document(pair[0]), document(pair[1]))
		if wrong, ok := errors.AsType[*significance.DocumentError](err); !ok || wrong.Document != want {
			t.Errorf("%v: the error is %v", pair, err)
		}
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	t.Parallel()
	for want, wrong := range map[string]rule{
		"rule of significance: Absolute: is not a difference; allowed: 0 and more, in the unit of the number":                                                                             {Absolute: math.NaN()},
		"rule of significance: Relative: is not a part of a number; allowed: 0 and more, less than 1; 0.05 is five percent":                                                               {Relative: 5},
		`rule of significance: State["t"].Absolute: is not a difference; allowed: 0 and more, in the unit of the number`:                                                                  {State: tolerances{"t": {Absolute: math.Inf(1)}}},
		`rule of significance: Attributes["b"].Relative: is not a part of a number; allowed: 0 and more, less than 1; 0.05 is five percent`:                                               {Attributes: tolerances{"a": {}, "b": {Relative: -0.1}}},
		`rule of significance: Attributes["a..b"]: a name is empty; allowed: names with dots between them, such as link.quality; \. is a dot in a name`:                                   {Attributes: tolerances{"a..b": {}}},
		`rule of significance: Ignore[1]: a name is empty; allowed: names with dots between them, such as link.quality; \. is a dot in a name`:                                            {Ignore: []string{"a", ""}},
		`rule of significance: Ignore[0]: a backslash is neither before a dot nor before a backslash; allowed: names with dots between them, such as link.quality; \. is a dot in a name`: {Ignore: []string{`a\b`}},
		`rule of significance: Ignore[0]: "a" has a tolerance as well; allowed: one of both`:                                                                                              {Ignore: []string{"a"}, Attributes: tolerances{"a": {}}},
	} {
		err := wrong.Check()
		if _, ok := errors.AsType[*significance.RuleError](err); !ok || err.Error() != want {
			t.Errorf("want %s\n got %v", want, err)
		}
	}
	for _, wrong := range []rule{{Absolute: -1}, {Relative: math.NaN()}, {Relative: 1}, {Absolute: math.Inf(1)}, {Ignore: []string{`a\`}}, {State: tolerances{".": {}}}} {
		if wrong.Check() == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
	if err := (rule{}).Check(); err != nil {
		t.Error(err)
	}
}

// FuzzSignificant holds the zero Rule to Equal, a Rule's judgement to what it says the other way round, and looks for panics.
func FuzzSignificant(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1},"":[1]}`), []byte(`{"a":{"b":1.4},"":[1.2]}`))
	f.Add([]byte(`21.3`), []byte(`2.13e1`))
	one := rule{Absolute: 0.5, Relative: 0.1, State: tolerances{"a.b": {}}, Attributes: tolerances{"a": {Absolute: 1}}, Ignore: []string{"a.b"}}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		before, after := significance.Document{State: a, Attributes: a}, significance.Document{State: b, Attributes: b}
		equal, err := significance.Equal(a, b)
		plain, plainErr := rule{}.Significant(before, after)
		if (err == nil) != (plainErr == nil) || err == nil && equal == plain {
			t.Fatalf("%q and %q: equal %v (%v), significant %v (%v)", a, b, equal, err, plain, plainErr)
		}
		tolerated, _ := one.Significant(before, after)
		turned, _ := one.Significant(after, before)
		if err == nil && (tolerated != turned || tolerated && equal) {
			t.Fatalf("%q and %q: significant %v, the other way round %v, equal %v", a, b, tolerated, turned, equal)
		}
	})
}
