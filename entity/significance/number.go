package significance

import (
	"bytes"
	"math/big"
	"strconv"
)

// decimal is a number as it was written, without the zeros that change nothing: 0.d₁d₂d₃… · 10^point, where the digits are
// those of whole and then those of fraction. Zero has no digits.
type decimal struct {
	negative        bool
	whole, fraction []byte
	point           exponent
}

// exponent is small + large, where large is nil for all but absurd numbers: JSON limits the exponent of none.
type exponent struct {
	small int
	large *big.Int
}

// sameNumber compares two numbers digit by digit. How large the exponent is makes no difference to the time that takes.
func sameNumber(a, b []byte) bool {
	return bytes.Equal(a, b) || parseDecimal(a).equal(parseDecimal(b))
}

func (d decimal) equal(other decimal) bool {
	length := d.length()
	if length != other.length() {
		return false
	}
	if length == 0 {
		return true // -0 is 0
	}
	if d.negative != other.negative || !d.point.equal(other.point) {
		return false
	}
	for i := range length {
		if d.digit(i) != other.digit(i) {
			return false
		}
	}
	return true
}

func (d decimal) length() int { return len(d.whole) + len(d.fraction) }

func (d decimal) digit(i int) byte {
	if i < len(d.whole) {
		return d.whole[i]
	}
	return d.fraction[i-len(d.whole)]
}

func (e exponent) equal(other exponent) bool {
	if e.large == nil && other.large == nil {
		return e.small == other.small
	}
	return e.sum().Cmp(other.sum()) == 0
}

func (e exponent) sum() *big.Int {
	sum := big.NewInt(int64(e.small))
	if e.large != nil {
		sum.Add(sum, e.large)
	}
	return sum
}

func parseDecimal(text []byte) decimal {
	var d decimal
	text, d.negative = bytes.CutPrefix(text, []byte("-"))
	mantissa, power := text, []byte(nil)
	if end := bytes.IndexAny(text, "eE"); end >= 0 {
		mantissa, power = text[:end], text[end+1:]
	}
	d.whole, d.fraction, _ = bytes.Cut(mantissa, []byte("."))
	d.point = parseExponent(power)
	d.trim()
	return d
}

// trim takes away the zeros before the first digit and after the last one.
func (d *decimal) trim() {
	d.whole = bytes.TrimLeft(d.whole, "0")
	d.point.small += len(d.whole)
	if len(d.whole) == 0 {
		digits := bytes.TrimLeft(d.fraction, "0")
		d.point.small -= len(d.fraction) - len(digits)
		d.fraction = digits
	}
	d.fraction = bytes.TrimRight(d.fraction, "0")
	if len(d.fraction) == 0 {
		d.whole = bytes.TrimRight(d.whole, "0")
	}
}

// parseExponent reads what follows an e. Its digits are converted only where they do not fit into an int, which makes
// adding the place of the point safe.
func parseExponent(text []byte) exponent {
	const longest = 9 // digits that fit into 32 bits, with room for adding
	text = bytes.TrimPrefix(text, []byte("+"))
	digits := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("-")), "0")
	if len(digits) == 0 {
		return exponent{}
	}
	if len(digits) > longest {
		large, _ := new(big.Int).SetString(string(text), 10)
		return exponent{large: large}
	}
	small, _ := strconv.Atoi(string(text))
	return exponent{small: small}
}

// maxPower limits what is calculated with. A float64 ends near 10^308.
const maxPower = 400

// rational gives the number exactly, unless it is so long, large or small that calculating with it would take long.
func (d decimal) rational() (number *big.Rat, reckonable bool) {
	length := d.length()
	if length == 0 {
		return new(big.Rat), true
	}
	if d.point.large != nil || max(d.point.small, -d.point.small) > maxPower || length > 2*maxPower {
		return nil, false
	}
	text := make([]byte, 0, length+len("-e-1200"))
	if d.negative {
		text = append(text, '-')
	}
	text = append(append(append(text, d.whole...), d.fraction...), 'e')
	text = strconv.AppendInt(text, int64(d.point.small-length), 10)
	return new(big.Rat).SetString(string(text))
}
