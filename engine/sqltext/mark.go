package sqltext

import "strings"

// markPrefix begins, behind the dashes and blanks, a comment that is a mark.
const markPrefix = "synapse:"

// comment takes a comment's marks, if it holds any.
func (s *splitter) comment(found token, spelled string) *fault {
	list, marked := strings.CutPrefix(strings.TrimLeft(strings.TrimPrefix(spelled, "--"), " \t"), markPrefix)
	if !marked || s.unmarked || !strings.HasPrefix(spelled, "--") {
		return nil
	}
	if s.first >= 0 {
		return &fault{found.start, `a mark in a statement, or behind one that lacks its ";": it has to stand before the statement`}
	}
	if !s.alone(found.start) {
		return &fault{found.start, "a mark has to stand on a line of its own, before the statement"}
	}
	s.mark = found.start
	for mark := range strings.SplitSeq(list, ",") {
		mark = strings.TrimSpace(mark)
		if mark == "" || strings.ContainsFunc(mark, isSpace) {
			return &fault{found.start, `a mark is written "-- synapse: word" or "-- synapse: word, word"`}
		}
		s.marks = append(s.marks, mark)
	}
	return nil
}

// alone reports whether only blanks stand before a byte on its line.
func (s *splitter) alone(at int) bool {
	line := strings.TrimPrefix(s.lexer.text[:at], byteOrderMark)
	line = line[strings.LastIndexAny(line, "\r\n")+1:]
	return strings.Trim(line, " \t\v\f") == ""
}

func isSpace(character rune) bool { return character < 0x80 && isBlank(byte(character)) }
