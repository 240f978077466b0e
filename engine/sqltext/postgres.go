package sqltext

import "strings"

// postgresBounds knows parentheses, which may hold the statements of a rule, and routines whose body is SQL:
// BEGIN ATOMIC … END.
type postgresBounds struct {
	opening     string // the first words, as long as they may become a routine's
	routine     bool
	copies      bool
	parentheses []int // the bytes where those that are open stand
	blocks      []postgresBlock
	previous    string // the token before
}

type postgresBlock struct {
	at      int
	keyword string
}

func (b *postgresBounds) take(found token, spelled string) *fault {
	switch {
	case spelled == "(":
		b.parentheses = append(b.parentheses, found.start)
	case spelled == ")" && len(b.parentheses) > 0:
		b.parentheses = b.parentheses[:len(b.parentheses)-1]
	}
	if found.class != word {
		b.previous = ""
		if spelled == "." {
			b.previous = spelled
		}
		return nil
	}
	keyword := strings.ToUpper(spelled)
	if wrong := b.word(found, keyword); wrong != nil {
		return wrong
	}
	b.previous = keyword
	return nil
}

func (b *postgresBounds) word(found token, keyword string) *fault {
	switch {
	case b.opening == "":
		b.opening, b.copies = keyword, keyword == "COPY"
	case b.opening == "CREATE" || b.opening == "CREATE OR" || b.opening == "CREATE OR REPLACE":
		b.opening += " " + keyword
		b.routine = strings.HasSuffix(b.opening, " FUNCTION") || strings.HasSuffix(b.opening, " PROCEDURE")
	case b.copies && keyword == "STDIN" && b.previous == "FROM" && len(b.parentheses) == 0:
		return &fault{found.start, "COPY FROM STDIN: its data are for psql; write the rows as INSERT (pg_dump --inserts)"}
	case b.routine:
		b.block(found, keyword)
	}
	return nil
}

// block follows the body. A name behind a dot or AS may be spelled like a keyword.
func (b *postgresBounds) block(found token, keyword string) {
	inside := len(b.blocks) > 0
	switch {
	case b.previous == "." || b.previous == "AS":
	case !inside && keyword == "ATOMIC" && b.previous == "BEGIN":
		b.blocks = append(b.blocks, postgresBlock{found.start, "BEGIN ATOMIC"})
	case inside && keyword == "CASE":
		b.blocks = append(b.blocks, postgresBlock{found.start, keyword})
	case inside && keyword == "END":
		b.blocks = b.blocks[:len(b.blocks)-1]
	}
}

func (b *postgresBounds) open() *fault {
	if last := len(b.parentheses) - 1; last >= 0 {
		return &fault{b.parentheses[last], "a parenthesis is not closed"}
	}
	if last := len(b.blocks) - 1; last >= 0 {
		return &fault{b.blocks[last].at, b.blocks[last].keyword + " is not closed by END"}
	}
	return nil
}
