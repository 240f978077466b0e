package component

import (
	"encoding"
	"encoding/json"
	"errors"
	"time"
)

// Day is a date without a time: the state of a Date. As JSON and as text it is "2026-11-21". The zero Day is no date: where there is none, use a nil *Day.
type Day struct {
	Year  int // 1 to 9999
	Month time.Month
	Day   int
}

// DayOf is the date of a moment, in the moment's own location.
func DayOf(moment time.Time) Day {
	year, month, day := moment.Date()
	return Day{Year: year, Month: month, Day: day}
}

// Start is the first moment of the date in a location.
func (d Day) Start(location *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, location)
}

var (
	errNoDay       = errors.New("it is no date of the form YYYY-MM-DD")
	errNoTimeOfDay = errors.New("it is no time of the form HH:MM:SS")
)

// String is YYYY-MM-DD.
func (d Day) String() string { return d.Start(time.UTC).Format(time.DateOnly) }

// MarshalText writes YYYY-MM-DD. A date that no calendar has is an error.
func (d Day) MarshalText() ([]byte, error) {
	if d.Year < 1 || d.Year > 9999 || DayOf(d.Start(time.UTC)) != d {
		return nil, errNoDay
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads YYYY-MM-DD.
func (d *Day) UnmarshalText(text []byte) error {
	moment, err := time.Parse(time.DateOnly, string(text))
	if err != nil || moment.Year() < 1 {
		return errNoDay
	}
	*d = DayOf(moment)
	return nil
}

// TimeOfDay is a time without a date: the state of a Time. As JSON and as text it is "20:34:32". The zero TimeOfDay is midnight.
type TimeOfDay struct{ Hour, Minute, Second int }

// TimeOfDayOf is the time of a moment, in the moment's own location.
func TimeOfDayOf(moment time.Time) TimeOfDay {
	hour, minute, second := moment.Clock()
	return TimeOfDay{Hour: hour, Minute: minute, Second: second}
}

// On is the moment of a day in a location.
func (t TimeOfDay) On(day Day, location *time.Location) time.Time {
	return time.Date(day.Year, day.Month, day.Day, t.Hour, t.Minute, t.Second, 0, location)
}

// String is HH:MM:SS.
func (t TimeOfDay) String() string {
	return t.On(Day{Year: 1, Month: time.January, Day: 1}, time.UTC).Format(time.TimeOnly)
}

// MarshalText writes HH:MM:SS. A time that no clock has is an error.
func (t TimeOfDay) MarshalText() ([]byte, error) {
	if TimeOfDayOf(t.On(Day{Year: 1, Month: time.January, Day: 1}, time.UTC)) != t {
		return nil, errNoTimeOfDay
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads HH:MM:SS.
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	moment, err := time.Parse(time.TimeOnly, string(text))
	if err != nil || len(text) != len(time.TimeOnly) { // time.Parse takes fractions, and hours of one digit
		return errNoTimeOfDay
	}
	*t = TimeOfDayOf(moment)
	return nil
}

// set gives the keys of a domain that has nothing of its own.
func (c Common) set(platform string, place Place, optimistic bool) keys {
	made := c.discovery(platform, place, true, true)
	put(made, "optimistic", optimistic)
	return made
}

// textual is a pointer to a type that is written as text.
type textual[T any] interface {
	*T
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

// written makes the payload of a state that is text in JSON.
func written[T any, P textual[T]](platform string, state json.RawMessage, allowed string) ([]byte, error) {
	value, err := decoded[T](platform, state, allowed)
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		return []byte(unknown), nil
	}
	return P(value).MarshalText()
}

// read makes a state of a payload that is such a text.
func read[T any, P textual[T]](platform string, payload []byte, allowed string) (json.RawMessage, error) {
	var value T
	if err := P(&value).UnmarshalText(payload); err != nil {
		return nil, refused(platform, allowed, "it is %s", quoted(string(payload)))
	}
	return json.Marshal(value)
}
