package sqltext

import (
	"slices"
	"strings"
)

// sqliteBounds knows where a trigger ends: with ";", END and ";", as sqlite3_complete does
// (https://www.sqlite.org/c3ref/complete.html). END of a CASE never stands behind a ";".
type sqliteBounds struct {
	state sqliteState
	begin int // the statement's first byte
}

// sqliteKeywords are all that sqlite3_complete knows, but for CREATE.
var sqliteKeywords = []string{"EXPLAIN", "TEMP", "TEMPORARY", "TRIGGER", "END"}

type sqliteState int

const (
	sqliteStart     sqliteState = iota
	sqlitePlain                 // any ";" ends it
	sqliteExplain               // behind EXPLAIN
	sqliteCreate                // behind CREATE, and TEMP
	sqliteTrigger               // in a trigger
	sqliteSemicolon             // in a trigger, behind a ";"
	sqliteEnd                   // behind the END that may be the trigger's
)

func (b *sqliteBounds) take(found token, spelled string) *fault {
	if b.state == sqliteStart {
		b.begin = found.start
	}
	keyword := ""
	if found.class == word && len(spelled) <= len("TEMPORARY") {
		keyword = strings.ToUpper(spelled)
	}
	b.state = b.state.after(found.class, keyword)
	return nil
}

func (s sqliteState) after(found class, keyword string) sqliteState {
	switch s {
	case sqliteStart, sqliteExplain, sqliteCreate:
		return s.opening(keyword)
	case sqlitePlain:
		return sqlitePlain
	default:
		return s.body(found, keyword)
	}
}

// body follows what may end a trigger.
func (s sqliteState) body(found class, keyword string) sqliteState {
	switch {
	case found == delimiter:
		return sqliteSemicolon
	case s == sqliteSemicolon && keyword == "END":
		return sqliteEnd
	}
	return sqliteTrigger
}

// opening follows the words that make a statement a trigger.
func (s sqliteState) opening(keyword string) sqliteState {
	switch {
	case keyword == "CREATE" && s != sqliteCreate:
		return sqliteCreate
	case keyword == "EXPLAIN" && s == sqliteStart:
		return sqliteExplain
	case (keyword == "TEMP" || keyword == "TEMPORARY") && s == sqliteCreate:
		return sqliteCreate
	case keyword == "TRIGGER" && s == sqliteCreate:
		return sqliteTrigger
	case s == sqliteExplain && !slices.Contains(sqliteKeywords, keyword):
		return sqliteExplain // QUERY PLAN
	}
	return sqlitePlain
}

func (b *sqliteBounds) open() *fault {
	if b.state == sqliteTrigger || b.state == sqliteSemicolon {
		return &fault{b.begin, "a trigger begins here whose body does not end with a statement's \";\" and END"}
	}
	return nil
}
