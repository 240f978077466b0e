package component

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// knows reports whether a device class is one of the platform's, or none at all, so that what depends on it can be looked at.
func (c *checker) knows(deviceClass string) bool {
	return deviceClass == "" || hasClass(c.platform, deviceClass)
}

// oneOf looks whether a text that may be empty is one of a few.
func (c *checker) oneOf(key, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.add(key, quoted(value)+" is none", strings.Join(allowed, ", "))
	}
}

// options looks at a list of states to choose from.
func (c *checker) options(options []string) {
	if len(options) == 0 {
		c.add("options", "there are none", "one or more")
	}
	for i, option := range options {
		switch {
		case option == "":
			c.addf("options", "a text", "number %d is empty", i+1)
		case option == unknown, c.platform == "select" && strings.EqualFold(option, unknown): // a select does not look at the case
			c.add("options", quoted(option)+" is how an unknown state is told", "another text")
		case utf8.RuneCountInString(option) > longest:
			c.add("options", quoted(option)+" is too long", "255 characters")
		case slices.Contains(options[:i], option):
			c.add("options", quoted(option)+" is there twice", "each once")
		}
	}
}

// seconds looks at a duration that Home Assistant takes in whole seconds.
func (c *checker) seconds(key string, duration time.Duration) {
	if duration < 0 || duration%time.Second != 0 {
		c.addf(key, "whole seconds", "it is %v", duration)
	}
}

// pattern looks at a regular expression. Home Assistant reads it with Python; what both take is nearly all that people write.
func (c *checker) pattern(key, pattern string) {
	if _, err := regexp.Compile(pattern); err != nil {
		c.add(key, err.Error(), "a regular expression, as https://pkg.go.dev/regexp/syntax has it")
	}
}
