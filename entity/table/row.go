package table

import "time"

// Row is an entity as the database has it. Times are kept to the microsecond, in UTC.
type Row struct {
	ID string
	// State, Attributes and Locals are JSON, UTF-8 without a NUL, and come back byte for byte. Locals is an object. Nil is written as null, and
	// as {} in Locals.
	State, Attributes, Locals []byte
	// Definition is the version of the format of State and Attributes, which the program counts.
	Definition int64
	// LastChanged is the last significant change, LastWritten the last writing.
	LastChanged, LastWritten time.Time
	// Removed is when the program was found no longer to define the entity; zero when it defines it.
	Removed time.Time
}

// Damaged is a row that was set aside because the program could not read it. Removed is not kept.
type Damaged struct {
	Row

	// Found is when, and Problem what was wrong.
	Found   time.Time
	Problem string
}

// Change is what Write does to one entity: Aside is put among the damaged first, then the row is deleted, or Row takes its place. Either may be
// missing.
type Change struct {
	ID     string
	Aside  *Damaged
	Row    *Row // its ID is not looked at
	Delete bool
}

// Application says whose entities are opened.
type Application struct {
	// ID tells applications of one database apart. It has to pass CheckID.
	ID string
	// Name is for people, at most 255 characters.
	Name string
}

// micros is a time as the tables have it.
func micros(moment time.Time) int64 { return moment.UnixMicro() }

// moment reads what micros has written.
func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
