package portview

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// percent rounds down, so that 100 means all.
func percent(fraction float64) int { return int(min(max(fraction, 0), 1) * 100) }

// bar draws a fraction with brackets and the percentage on exactly the width; without a percentage when it is not known.
func bar(fraction float64, width int) string {
	label := "    "
	if fraction >= 0 {
		label = padLeft(strconv.Itoa(percent(fraction))+"%", 4)
	}
	return blocks(fraction, width-len(label)-1) + " " + label
}

// blocks draws a fraction with brackets. It is plain ASCII: a port may run on any terminal.
func blocks(fraction float64, width int) string {
	inner := max(width-2, 0)
	full := int(min(max(fraction, 0), 1) * float64(inner))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", inner-full) + "]"
}

// padRight makes a text exactly as wide as the width.
func padRight(text string, width int) string {
	text = cut(text, width)
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(width-ansi.StringWidth(text), 0)) + text
}

// cut shortens a text to a width in columns.
func cut(text string, width int) string {
	if width < 1 {
		return ""
	}
	tail := "…"
	if width < 3 {
		tail = ""
	}
	return ansi.Truncate(text, width, tail)
}

// fitting joins as many parts as the width has room for, the first ones in any case.
func fitting(parts []string, width int) string {
	const between = "   "
	text := ""
	for i, part := range parts {
		longer := text + between + part
		if i == 0 {
			longer = part
		}
		if i > 0 && ansi.StringWidth(longer) > width {
			continue
		}
		text = longer
	}
	return cut(text, width)
}

// longest is the first of the texts that fits; they come from the longest to the shortest.
func longest(width int, texts ...string) string {
	for _, text := range texts {
		if ansi.StringWidth(text) <= width {
			return text
		}
	}
	return cut(texts[len(texts)-1], width)
}

// clean takes away what a terminal would obey: a name or a message may hold anything.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
