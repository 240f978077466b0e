package postgres

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const maxInt32 = math.MaxInt32

// checker decides whether a key may have a value, and how the value is written
// from then on.
type checker struct {
	allowed string
	// accept gives the value in its normal form, or says what is wrong with
	// it. It is never called with an empty value, and what it says never
	// repeats the value.
	accept func(value string) (normal, problem string)
}

func text() checker {
	return checker{"text", func(value string) (string, string) { return value, "" }}
}

func path() checker {
	return checker{"a file", func(value string) (string, string) { return value, "" }}
}

func nothing() checker {
	return checker{"nothing", func(string) (string, string) { return "", "must not be given" }}
}

func choice(values ...string) checker {
	return checker{strings.Join(values, ", "), func(value string) (string, string) {
		if slices.Contains(values, value) {
			return value, ""
		}
		return "", "none of the values it takes"
	}}
}

func integer(lowest, highest int64) checker {
	allowed := fmt.Sprintf("%d to %d", lowest, highest)
	if lowest < 0 {
		allowed = "an integer"
	}
	return checker{allowed, func(value string) (string, string) {
		number, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		switch {
		case err != nil:
			return "", "not an integer"
		case number < lowest || number > highest:
			return "", "out of range"
		}
		return strconv.FormatInt(number, 10), ""
	}}
}

// timeout is libpq's connect_timeout: all that is not positive is no timeout.
func timeout() checker {
	numbers := integer(-maxInt32, maxInt32)
	return checker{numbers.allowed, func(value string) (string, string) {
		normal, problem := numbers.accept(value)
		if strings.HasPrefix(normal, "-") {
			normal = "0"
		}
		return normal, problem
	}}
}

// anyInteger is libpq's switch: everything but zero is on. A YAML boolean is
// taken too.
func anyInteger() checker {
	numbers := integer(-maxInt32, maxInt32)
	return checker{"0 or 1", func(value string) (string, string) {
		if flag, err := strconv.ParseBool(value); err == nil {
			return flagText(flag), ""
		}
		number, problem := numbers.accept(value)
		return flagText(number != "0"), problem
	}}
}

func boolean() checker {
	return checker{"0 or 1", func(value string) (string, string) {
		flag, err := strconv.ParseBool(value)
		if err != nil {
			return "", "neither 0 nor 1"
		}
		return flagText(flag), ""
	}}
}

func flagText(flag bool) string {
	if flag {
		return "1"
	}
	return "0"
}

func falsehood() checker {
	return checker{"false", func(value string) (string, string) {
		switch strings.ToLower(value) {
		case "false", "off", "no", "0":
			return "", ""
		}
		return "", "cannot be switched on"
	}}
}

func encoding() checker {
	return checker{"UTF8, auto", func(value string) (string, string) {
		letters := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(value))
		if slices.Contains([]string{"utf8", "unicode", "auto"}, letters) {
			return "UTF8", ""
		}
		return "", "not UTF-8"
	}}
}

func ports() checker {
	single := integer(1, 65535)
	return list("1 to 65535, comma separated", func(value string) string {
		_, problem := single.accept(value)
		return problem
	})
}

func addresses() checker {
	return list("IP addresses, comma separated", func(value string) string {
		if _, err := netip.ParseAddr(value); err != nil {
			return "not a numeric address"
		}
		return ""
	})
}

// list checks each element that is not empty; an empty element stands for the
// default.
func list(allowed string, problemOf func(element string) string) checker {
	return checker{allowed, func(value string) (string, string) {
		elements := strings.Split(value, ",")
		for i, element := range elements {
			elements[i] = strings.TrimSpace(element)
			if elements[i] == "" {
				continue
			}
			if problem := problemOf(elements[i]); problem != "" {
				return "", problem
			}
		}
		return strings.Join(elements, ","), ""
	}}
}

func authMethods() checker {
	known := []string{"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"}
	return checker{strings.Join(known, ", ") + ", comma separated, each or none with a leading !", func(value string) (string, string) {
		methods := strings.Split(value, ",")
		negated := strings.HasPrefix(strings.TrimSpace(methods[0]), "!")
		seen := map[string]bool{}
		for _, method := range methods {
			name, negative := strings.CutPrefix(strings.TrimSpace(method), "!")
			if negative != negated || !slices.Contains(known, name) || seen[name] {
				return "", "not a list of different login methods"
			}
			seen[name] = true
		}
		return value, ""
	}}
}
