package component

import (
	"encoding/json"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// Text can be set to a text. Its state is one, or null: unknown. Home Assistant has no sign for that: it is told as an empty text where one is
// allowed, and otherwise not at all.
type Text struct {
	Common
	// Min and Max are how many characters it has, from 0 to 255. Max is 255 when it is 0.
	Min, Max int
	// Mode is how it is shown: TextPlain, which is what Home Assistant takes when it is empty, or TextPassword. Neither hides anything from who can read the broker.
	Mode string
	// Pattern is a regular expression with which the text has to begin; with a "$" at its end it is for all of it. It has to mean the same to Go, Python and JavaScript.
	Pattern string
}

// How a Text is shown.
const (
	TextPlain    = "text"
	TextPassword = "password"
)

// Platform is "text".
func (Text) Platform() string { return "text" }

// Check looks at the lengths, the mode and the pattern.
func (t Text) Check() error {
	found := t.check(t.Platform())
	if t.Min < 0 || t.Min > longest {
		found.addf("min", "0 to 255", "it is %d", t.Min)
	}
	if t.Max < 0 || t.Max > longest {
		found.addf("max", "0 to 255", "it is %d", t.Max)
	}
	if t.Min > t.max() {
		found.addf("max", "min or more", "it is %d, and min is %d", t.max(), t.Min)
	}
	found.oneOf("mode", t.Mode, TextPlain, TextPassword)
	found.pattern("pattern", t.Pattern)
	return found.err()
}

func (t Text) max() int {
	if t.Max == 0 {
		return longest
	}
	return t.Max
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/text.mqtt/.
func (t Text) Discovery(place Place) map[string]any {
	made := t.discovery(t.Platform(), place, true, true)
	made["min"], made["max"] = t.Min, t.max()
	put(made, "mode", t.Mode)
	put(made, "pattern", t.Pattern)
	return made
}

// States is true.
func (Text) States() bool { return true }

// State is the text.
func (t Text) State(state json.RawMessage) ([]byte, error) {
	value, err := decoded[string](t.Platform(), state, "a text, null")
	switch {
	case err != nil:
		return nil, err
	case value == nil && t.wrong("") != "":
		return nil, nil
	case value == nil:
		return []byte{}, nil
	}
	if problem := t.wrong(*value); problem != "" {
		return nil, &StateError{Platform: t.Platform(), Problem: problem, Allowed: t.allowed()}
	}
	return []byte(*value), nil
}

// wrong says why a text is not allowed, and nothing of one that is. It does not show the text.
func (t Text) wrong(value string) string {
	if length := utf8.RuneCountInString(value); length < t.Min || length > t.max() {
		return fmt.Sprintf("it has %d characters", length)
	}
	if t.Pattern == "" {
		return ""
	}
	form, err := regexp.Compile("^(?:" + t.Pattern + ")")
	if err != nil {
		return "the pattern cannot be used"
	}
	if !form.MatchString(value) {
		return "it does not fit the pattern"
	}
	return ""
}

func (t Text) allowed() string {
	allowed := fmt.Sprintf("%d to %d characters", t.Min, t.max())
	if t.Pattern != "" {
		allowed += ", by the pattern " + t.Pattern
	}
	return allowed
}

// Commands is true.
func (Text) Commands() bool { return true }

// Command takes a text of the right length that fits the pattern.
func (t Text) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	if !utf8.Valid(payload) {
		return nil, refused(t.Platform(), "UTF-8", "it is no text")
	}
	if problem := t.wrong(string(payload)); problem != "" {
		return nil, refused(t.Platform(), t.allowed(), "%s", problem)
	}
	return json.Marshal(string(payload))
}
