package sqltext

import (
	"slices"
	"strings"
)

// mysqlBounds knows where the body of a trigger, routine or event ends in text without DELIMITER. A body is a single
// statement or a block; blocks hold statements and end with END. Their keywords are names and functions elsewhere
// (a column "end", the functions IF and REPEAT), so that it matters where a statement begins
// (https://dev.mysql.com/doc/refman/8.4/en/sql-compound-statements.html).
type mysqlBounds struct {
	phase    mysqlPhase
	depth    int // of parentheses, before the body
	blocks   []mysqlBlock
	start    bool   // a statement of the body begins here
	handler  bool   // the statement of a DECLARE … HANDLER FOR is to come
	declares bool   // in a DECLARE
	order    bool   // behind the FOLLOWS or PRECEDES of a trigger: a name is to come
	previous string // the token before; a word is in upper case
	ended    string // the keyword of the block whose END is the token before
}

type mysqlBlock struct {
	at         int
	keyword    string
	expression bool // a CASE that is a value, and ends with END alone
}

// mysqlPhase is what part of a statement is being read.
type mysqlPhase int

const (
	mysqlStart    mysqlPhase = iota
	mysqlPlain               // any ";" ends it
	mysqlCreating            // behind CREATE or ALTER, before what is created
	mysqlTrigger             // before FOR EACH ROW
	mysqlEvent               // before DO
	mysqlRoutine             // before the end of the parameters
	mysqlTraits              // between the parameters and the body
	mysqlBegun               // behind MariaDB's BEGIN NOT ATOMIC, or what may become it
	mysqlBody
)

// mysqlObjects are the kinds of objects with a body. The words that may stand between CREATE and the kind come behind.
var (
	mysqlObjects = map[string]mysqlPhase{
		"TRIGGER": mysqlTrigger, "EVENT": mysqlEvent, "PROCEDURE": mysqlRoutine, "FUNCTION": mysqlRoutine,
	}
	mysqlModifiers = []string{"OR", "REPLACE", "AGGREGATE", "DEFINER"}
	mysqlOpeners   = []string{"BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"}
	// mysqlVerbs begin a body that is a single statement, behind parameters.
	mysqlVerbs = []string{
		"ALTER", "CALL", "CREATE", "DELETE", "DO", "DROP", "EXECUTE", "INSERT", "REPLACE", "RETURN", "SELECT", "SET", "TRUNCATE",
		"UPDATE", "VALUES", "WITH",
	}
)

func (b *mysqlBounds) take(found token, spelled string) *fault {
	if found.class == word {
		spelled = strings.ToUpper(spelled)
	}
	ended := b.ended
	b.ended = ""
	switch {
	case b.phase == mysqlPlain:
		return nil
	case b.phase != mysqlBody:
		b.head(found, spelled)
	case found.class != word || b.previous == "." || b.previous == "@":
		b.other(found, spelled)
	default:
		b.word(found, spelled, ended)
	}
	b.previous = spelled
	return nil
}

// head reads what stands before the body.
func (b *mysqlBounds) head(found token, spelled string) {
	switch b.phase {
	case mysqlStart:
		b.phase = opening(spelled)
	case mysqlCreating:
		b.creating(found, spelled)
	case mysqlTrigger:
		if spelled == "ROW" && b.previous == "EACH" {
			b.phase, b.start = mysqlBody, true
		}
	case mysqlEvent:
		if spelled == "DO" {
			b.phase, b.start = mysqlBody, true
		}
	case mysqlRoutine:
		b.parameters(spelled)
	case mysqlTraits:
		b.traits(found, spelled)
	case mysqlBegun:
		b.begun(found, spelled)
	default:
	}
}

func opening(spelled string) mysqlPhase {
	switch spelled {
	case "CREATE", "ALTER":
		return mysqlCreating
	case "BEGIN":
		return mysqlBegun
	}
	return mysqlPlain
}

// creating looks for the kind of the object. The parts of a DEFINER = user@host stand behind a sign.
func (b *mysqlBounds) creating(found token, spelled string) {
	if found.class != word || slices.Contains([]string{"=", "@", "."}, b.previous) || slices.Contains(mysqlModifiers, spelled) {
		return
	}
	phase, known := mysqlObjects[spelled]
	if !known {
		phase = mysqlPlain
	}
	b.phase = phase
}

func (b *mysqlBounds) parameters(spelled string) {
	switch spelled {
	case "(":
		b.depth++
	case ")":
		b.depth--
		if b.depth == 0 {
			b.phase = mysqlTraits
		}
	}
}

// traits looks for the body's first word among a routine's type and characteristics.
func (b *mysqlBounds) traits(found token, spelled string) {
	switch {
	case spelled == "(":
		b.depth++
	case spelled == ")":
		b.depth--
	case b.depth > 0 || b.previous == "CHARACTER" || b.previous == "CHAR":
	case spelled == ":":
		b.phase, b.start = mysqlBody, true
	case found.class == word && slices.Contains(mysqlOpeners, spelled):
		b.phase, b.start = mysqlBody, true
		b.word(found, spelled, "")
	case found.class == word && slices.Contains(mysqlVerbs, spelled):
		b.phase = mysqlBody
	}
}

// begun tells MariaDB's BEGIN NOT ATOMIC, a block by itself, from the BEGIN of a transaction.
func (b *mysqlBounds) begun(found token, spelled string) {
	switch {
	case spelled == "NOT" && b.previous == "BEGIN":
	case spelled == "ATOMIC" && b.previous == "NOT":
		b.blocks = append(b.blocks, mysqlBlock{at: found.start, keyword: "BEGIN"})
		b.phase, b.start = mysqlBody, true
	default:
		b.phase = mysqlPlain
	}
}

// other takes signs, numbers, what is quoted, and words that can only be names.
func (b *mysqlBounds) other(found token, spelled string) {
	switch {
	case found.class == delimiter:
		b.start, b.handler, b.declares = true, false, false
	case spelled == ":": // behind a label
		b.start = true
	case b.order:
		b.order, b.start = false, true
	default:
		b.start = false
	}
}

// word takes a word of the body that may be a keyword.
func (b *mysqlBounds) word(found token, keyword, ended string) {
	start := b.start
	b.start = false
	switch {
	case b.order:
		b.order, b.start = false, true
	case keyword == ended: // the IF of END IF
	case keyword == "REPEAT" && b.previous == "END" && b.top().keyword == "REPEAT": // behind UNTIL and a condition
		b.close()
	case keyword == "END" && (start && len(b.blocks) > 0 || b.top().expression):
		b.close()
	case (start || b.handler) && slices.Contains(mysqlOpeners, keyword):
		b.push(found, keyword, false)
	case keyword == "CASE":
		b.push(found, keyword, true)
	default:
		b.starts(keyword, start)
	}
}

// starts notes which words a statement, or the name of another trigger, follows.
func (b *mysqlBounds) starts(keyword string, start bool) {
	top := b.top()
	switch keyword {
	case "THEN", "ELSE":
		b.start = len(b.blocks) > 0 && !top.expression
	case "DO":
		b.start = !start && (top.keyword == "WHILE" || top.keyword == "FOR")
	case "DECLARE":
		b.declares = start
	case "FOR":
		b.handler = b.declares && b.previous == "HANDLER"
	case "FOLLOWS", "PRECEDES":
		b.order = start && len(b.blocks) == 0
	}
}

func (b *mysqlBounds) push(found token, keyword string, expression bool) {
	b.blocks = append(b.blocks, mysqlBlock{at: found.start, keyword: keyword, expression: expression})
	b.handler = false
	b.start = keyword == "BEGIN" || keyword == "LOOP" || keyword == "REPEAT"
}

func (b *mysqlBounds) close() {
	closed := b.top()
	b.blocks = b.blocks[:len(b.blocks)-1]
	if !closed.expression && closed.keyword != "BEGIN" {
		b.ended = closed.keyword
	}
}

func (b *mysqlBounds) top() mysqlBlock {
	if len(b.blocks) == 0 {
		return mysqlBlock{}
	}
	return b.blocks[len(b.blocks)-1]
}

func (b *mysqlBounds) open() *fault {
	if len(b.blocks) == 0 {
		return nil
	}
	return &fault{b.top().at, b.top().keyword + " is not closed by END"}
}
