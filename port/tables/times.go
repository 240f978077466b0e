package tables

import (
	"bytes"
	"strings"
	"time"
)

// layouts are the forms of dates and times. A fraction of a second may follow the seconds of each.
var layouts = map[kind]string{ //nolint:gochecknoglobals // constant
	date: "2006-01-02", clock: "15:04:05", timestamp: "2006-01-02 15:04:05", instant: "2006-01-02 15:04:05",
}

// readTime brings a date or a time that stands as a text into the form of its kind.
func readTime(of kind, stored []byte) ([]byte, Class) {
	value := string(stored)
	if of == timestamp || of == instant {
		if len(value) > len("2006-01-02") && value[len("2006-01-02")] == 'T' {
			value = strings.Replace(value, "T", " ", 1)
		}
		if of == instant {
			value = strings.TrimSuffix(strings.TrimSuffix(value, "Z"), "+00")
		}
	}
	if _, err := time.Parse(layouts[of], value); err != nil {
		return stored, ClassNotTime
	}
	return trimFraction([]byte(value)), ""
}

// trimFraction takes away zeros at the end of a second's parts.
func trimFraction(value []byte) []byte {
	if !bytes.Contains(value, []byte(".")) {
		return value
	}
	return bytes.TrimRight(bytes.TrimRight(value, "0"), ".")
}

// acceptTime takes what a column of a server keeps: times of the years 1 to 9999, with no more of a second than it has digits for.
func acceptTime(column *column, of kind, value []byte) Class {
	parsed, err := time.Parse(layouts[of], string(value))
	if err != nil {
		return ClassNotTime
	}
	if _, parts, _ := bytes.Cut(value, []byte(".")); len(parts) > column.fraction {
		return ClassPrecision
	}
	if of != clock && parsed.Year() < 1 {
		return ClassRange
	}
	if column.narrow && (parsed.Unix() < 1 || parsed.Unix() > 1<<31-1) {
		return ClassRange
	}
	return ""
}
