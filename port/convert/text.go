package convert

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

const replacement = "\uFFFD"

// text checks and, where it must, repairs the text that stands in dst from start on.
func (e *Encoder) text(dst []byte, start, i int) []byte {
	column := &e.columns[i]
	if bytes.IndexByte(dst[start:], 0) >= 0 {
		dst = e.withoutNUL(dst, start, i)
	}
	if !utf8.Valid(dst[start:]) {
		e.find(i, ClassUTF8)
		dst = append(dst[:start], validUTF8(dst[start:])...)
	}
	if column.Kind == JSON || column.Kind == JSONB {
		return e.json(dst, start, i)
	}
	if column.Length > 0 && len(dst)-start > column.Length {
		e.fits(dst[start:], i)
	}
	return dst
}

func (e *Encoder) withoutNUL(dst []byte, start, i int) []byte {
	class, by := ClassNUL, replacement
	if e.columns[i].Search {
		class, by = ClassConverted, " "
	}
	e.find(i, class)
	return append(dst[:start], bytes.ReplaceAll(bytes.Clone(dst[start:]), []byte{0}, []byte(by))...)
}

// validUTF8 puts one U+FFFD for each byte that belongs to no valid sequence.
func validUTF8(text []byte) []byte {
	valid := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		valid = utf8.AppendRune(valid, r)
		text = text[size:]
	}
	return valid
}

func (e *Encoder) fits(text []byte, i int) {
	if e.columns[i].Padded {
		text = bytes.TrimRight(text, " ")
	}
	if utf8.RuneCount(text) > e.columns[i].Length {
		e.find(i, ClassTooLong)
	}
}

func (e *Encoder) json(dst []byte, start, i int) []byte {
	if !json.Valid(dst[start:]) {
		e.find(i, ClassJSON)
		return dst
	}
	if e.columns[i].Kind == JSON {
		return dst
	}
	if repaired, changed := repairEscapes(dst[start:]); changed {
		e.find(i, ClassJSONEscape)
		dst = append(dst[:start], repaired...)
	}
	// A binary jsonb value is a version byte, 1, and the text.
	dst = append(dst, 0)
	copy(dst[start+1:], dst[start:])
	dst[start] = 1
	return dst
}

// repairEscapes puts \ufffd for the escapes of U+0000 and of surrogates that are not a pair, in valid JSON.
func repairEscapes(text []byte) ([]byte, bool) {
	if !bytes.Contains(text, []byte(`\u`)) {
		return text, false
	}
	repaired := bytes.Clone(text)
	changed := false
	for at := 0; at < len(repaired); at++ {
		if repaired[at] != '\\' {
			continue
		}
		at++
		if repaired[at] != 'u' {
			continue
		}
		unit, low := escape(repaired, at-1), escape(repaired, at+5)
		switch {
		case isHigh(unit) && isLow(low):
			at += 10
			continue
		case unit == 0 || isHigh(unit) || isLow(unit):
			copy(repaired[at:], "ufffd")
			changed = true
		}
		at += 4
	}
	return repaired, changed
}

// escape returns the code unit of the \uXXXX at that place, or -1.
func escape(text []byte, at int) int64 {
	if len(text) < at+6 || text[at] != '\\' || text[at+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseInt(string(text[at+2:at+6]), 16, 32)
	if err != nil {
		return -1
	}
	return unit
}

func isHigh(unit int64) bool { return unit >= 0xD800 && unit < 0xDC00 }
func isLow(unit int64) bool  { return unit >= 0xDC00 && unit < 0xE000 }
