package tables

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A value on its way is nil for NULL, and otherwise bytes in the form of its kind. Of kind anything the first byte is SQLite's class
// and what follows is the value: "i" with digits, "f" with the bits of a double in hexadecimal digits, "t" and "b" with the bytes.
const (
	integerClass = 'i'
	realClass    = 'f'
	textClass    = 't'
	blobClass    = 'b'
)

// formatReal writes a double so that every bit of it comes back.
func formatReal(value float64, bits int) []byte {
	switch {
	case math.IsNaN(value):
		return []byte("NaN")
	case math.IsInf(value, 1):
		return []byte("Infinity")
	case math.IsInf(value, -1):
		return []byte("-Infinity")
	}
	return strconv.AppendFloat(nil, value, 'g', -1, bits)
}

// readReal reads what formatReal or an engine has written; the form that is given back is that of formatReal.
func readReal(stored []byte, bits int) ([]byte, Class) {
	value, err := strconv.ParseFloat(string(stored), bits)
	if err != nil {
		return nil, ClassNotNumber
	}
	return formatReal(value, bits), ""
}

// isDecimal reports whether a text is digits with at most one point, and a sign before.
func isDecimal(value []byte) bool {
	digits := bytes.TrimPrefix(value, []byte("-"))
	whole, parts, _ := bytes.Cut(digits, []byte("."))
	return len(digits) > 0 && len(whole) > 0 && allDigits(whole) && allDigits(parts) && !bytes.HasSuffix(digits, []byte("."))
}

func allDigits(value []byte) bool {
	for _, letter := range value {
		if letter < '0' || letter > '9' {
			return false
		}
	}
	return true
}

// plainDecimal takes away zeros that say nothing, so that equal numbers are equal bytes.
func plainDecimal(value []byte) []byte {
	if !isDecimal(value) {
		return value // NaN and the infinities
	}
	sign, digits := "", string(value)
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	whole, parts, _ := strings.Cut(digits, ".")
	whole, parts = strings.TrimLeft(whole, "0"), strings.TrimRight(parts, "0")
	if whole == "" {
		whole = "0"
	}
	if parts != "" {
		return []byte(sign + whole + "." + parts)
	}
	if whole == "0" {
		return []byte("0")
	}
	return []byte(sign + whole)
}

// digitsOf counts the digits of a decimal before and behind the point.
func digitsOf(value []byte) (whole, parts int) {
	plain := strings.TrimPrefix(string(plainDecimal(value)), "-")
	before, behind, _ := strings.Cut(plain, ".")
	return len(strings.TrimLeft(before, "0")), len(behind)
}

// compared is the form of a value in which both sides are summed up.
func compared(of kind, value []byte) []byte {
	switch of { //nolint:exhaustive // the others are compared as they are
	case decimal:
		return plainDecimal(value)
	case jsonValue:
		if plain, ok := plainJSON(value); ok {
			return plain
		}
	}
	return value
}

// plainJSON writes JSON so that equal values are equal bytes: keys sorted, the last of two equal ones, numbers without what says nothing.
func plainJSON(value []byte) ([]byte, bool) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil {
		return nil, false
	}
	encoded, err := json.Marshal(plainNumbers(document))
	return encoded, err == nil
}

func plainNumbers(document any) any {
	switch value := document.(type) {
	case json.Number:
		return json.RawMessage(plainNumber(value.String()))
	case []any:
		for i := range value {
			value[i] = plainNumbers(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = plainNumbers(value[name])
		}
	}
	return document
}

// mostExponent bounds how long a number may become when its exponent is written out.
const mostExponent = 200_000

// plainNumber writes a number of JSON without an exponent.
func plainNumber(number string) string {
	mantissa, exponent, found := strings.Cut(strings.ToLower(number), "e")
	if !found {
		return string(plainDecimal([]byte(number)))
	}
	shift, err := strconv.Atoi(exponent)
	if err != nil || shift > mostExponent || shift < -mostExponent {
		return number
	}
	return string(plainDecimal([]byte(shifted(mantissa, shift))))
}

// shifted moves the point of a decimal.
func shifted(mantissa string, shift int) string {
	sign, digits := "", mantissa
	if rest, negative := strings.CutPrefix(mantissa, "-"); negative {
		sign, digits = "-", rest
	}
	whole, parts, _ := strings.Cut(digits, ".")
	point := len(whole) + shift
	all := whole + parts
	if point <= 0 {
		return sign + "0." + strings.Repeat("0", -point) + all
	}
	if point >= len(all) {
		return sign + all + strings.Repeat("0", point-len(all))
	}
	return sign + all[:point] + "." + all[point:]
}

// checkEscapes finds what jsonb refuses: \u0000, and half of a surrogate pair (https://www.postgresql.org/docs/current/datatype-json.html).
func checkEscapes(value []byte) Class {
	for i := 0; i+1 < len(value); i++ {
		if value[i] != '\\' {
			continue
		}
		i++
		if value[i] != 'u' || i+4 >= len(value) {
			continue
		}
		code, _ := strconv.ParseUint(string(value[i+1:i+5]), 16, 32)
		i += 4
		switch {
		case code == 0, code >= 0xdc00 && code < 0xe000:
			return ClassJSONEscape
		case code >= 0xd800 && code < 0xdc00:
			if !lowHalf(value[i+1:]) {
				return ClassJSONEscape
			}
			i += 6
		}
	}
	return ""
}

func lowHalf(rest []byte) bool {
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return false
	}
	code, err := strconv.ParseUint(string(rest[2:6]), 16, 32)
	return err == nil && code >= 0xdc00 && code < 0xe000
}

// checkUTF8 is for texts, wherever they come from.
func checkUTF8(value []byte) Class {
	if !utf8.Valid(value) {
		return ClassUTF8
	}
	return ""
}
