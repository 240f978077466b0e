package component

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// knows reports whether a device class is one of the platform's, or none at all, so that what depends on it can be looked at.
func (c *checker) knows(deviceClass string) bool {
	return deviceClass == "" || slices.Contains(DeviceClasses(c.platform), deviceClass)
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
		case option == unknown:
			c.add("options", `"None" is how an unknown state is told`, "another text")
		case utf8.RuneCountInString(option) > longest:
			c.add("options", quoted(option)+" is too long", "255 characters")
		case slices.Contains(options[:i], option):
			c.add("options", quoted(option)+" is there twice", "each once")
		}
	}
}

// expiry looks at a duration that Home Assistant takes in whole seconds.
func (c *checker) expiry(after time.Duration) {
	if after < 0 || after%time.Second != 0 {
		c.addf("expire_after", "whole seconds", "it is %v", after)
	}
}
