package sqltext

import (
	"strings"
	"unicode/utf8"
)

// byteOrderMark is U+FEFF, with which some editors begin a file.
const byteOrderMark = "\ufeff"

// place is a byte of a text with its line and column. It only goes forward, so that a whole text is counted once.
type place struct {
	text         string
	at           int
	line, column int
}

func newPlace(text string) *place {
	begin := 0
	if strings.HasPrefix(text, byteOrderMark) {
		begin = len(byteOrderMark)
	}
	return &place{text: text, at: begin, line: 1, column: 1}
}

// advance goes to a byte behind the present one.
func (p *place) advance(to int) {
	if to <= p.at {
		return
	}
	passed := p.text[p.at:to]
	if last := strings.LastIndexByte(passed, '\n'); last >= 0 {
		p.line += strings.Count(passed, "\n")
		p.column = 1
		passed = passed[last+1:]
	}
	p.column += utf8.RuneCountInString(passed)
	p.at = to
}

// badByte finds what no engine takes in a statement: NUL, and bytes that are no UTF-8.
func badByte(text string) *fault {
	zero := strings.IndexByte(text, 0)
	if utf8.ValidString(text) {
		if zero < 0 {
			return nil
		}
		return &fault{zero, "a NUL byte: is this a text file in UTF-8?"}
	}
	for at, character := range text {
		if character != utf8.RuneError {
			continue
		}
		if zero >= 0 && zero < at {
			return &fault{zero, "a NUL byte: is this a text file in UTF-8?"}
		}
		if _, size := utf8.DecodeRuneInString(text[at:]); size == 1 {
			return &fault{at, "a byte that is no UTF-8: save the file in UTF-8"}
		}
	}
	return nil
}
