package component

import (
	"errors"
	"fmt"
	"strconv"
)

// ConfigurationError says that Home Assistant would not take a component as it is described, or not show it as it is meant.
type ConfigurationError struct {
	// Entity is the entity's id; Check, which does not know it, leaves it empty.
	Entity   string
	Platform string
	// Key is the one of MQTT discovery.
	Key     string
	Problem string
	Allowed string
}

// Error names the entity, the key, what is wrong and what is allowed.
func (e *ConfigurationError) Error() string {
	return subject(e.Entity, e.Platform) + ": " + e.Key + ": " + e.Problem + "; allowed: " + e.Allowed
}

func subject(entity, platform string) string {
	if entity == "" {
		return platform
	}
	return fmt.Sprintf("the %s of the entity %q", platform, entity)
}

// StateError says that an entity's state cannot be told to Home Assistant. It does not show the state.
type StateError struct {
	Platform string
	Problem  string
	Allowed  string
}

// Error says what is wrong and what is allowed.
func (e *StateError) Error() string {
	return "the state of a " + e.Platform + ": " + e.Problem + "; allowed: " + e.Allowed
}

// CommandError says why a command is refused.
type CommandError struct {
	Platform string
	// Problem shows what was received, but not that of a password.
	Problem string
	Allowed string
}

// Error says why, and what is allowed.
func (e *CommandError) Error() string {
	return "a command for a " + e.Platform + ": " + e.Problem + "; allowed: " + e.Allowed
}

// Check is component's Check, with the id of the entity in its errors.
func Check(entity string, component Component) error { return named(entity, component.Check()) }

// named gives errors the id of their entity.
func named(entity string, err error) error {
	list := []error{err}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		list = joined.Unwrap()
	}
	var found []error
	for _, one := range list {
		if wrong, is := errors.AsType[*ConfigurationError](one); is {
			with := *wrong
			with.Entity = entity
			one = &with
		}
		found = append(found, one)
	}
	return joined(found)
}

// joined is a single error itself, and nil where there is none.
func joined(list []error) error {
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}

// checker collects what is wrong with a component.
type checker struct {
	platform string
	found    []error
}

func (c *checker) add(key, problem, allowed string) {
	c.found = append(c.found, &ConfigurationError{Platform: c.platform, Key: key, Problem: problem, Allowed: allowed})
}

func (c *checker) addf(key, allowed, problem string, values ...any) {
	c.add(key, fmt.Sprintf(problem, values...), allowed)
}

func (c *checker) err() error { return joined(c.found) }

func (c *checker) icon(icon string) {
	if icon != "" && !iconForm.MatchString(icon) {
		c.add("icon", quoted(icon)+" is no name of an icon", `a set and a name, such as "mdi:lamp"`)
	}
}

// quoted shows a text whole when it is short.
func quoted(text string) string {
	const most = 64
	if runes := []rune(text); len(runes) > most {
		return strconv.Quote(string(runes[:most])) + "…"
	}
	return strconv.Quote(text)
}
