package demo

import "strings"

// difficultText is a text that some program has got wrong.
type difficultText struct{ name, text string }

func difficultTexts() []difficultText {
	return []difficultText{
		{"emoji-zwj", "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 👍🏽 🇩🇪 1\ufe0f\u20e3"},
		{"astral", "𝔘𝔫𝔦 \U0002070e \U00010348 🧑\u200d💻 \U0010fffd"},
		{"rtl", "שלום עולם مرحبا بالعالم \u202eabc\u202c \u200f!"},
		{"combining", "e\u0301 a\u0323\u0308 Z\u0338\u0321\u0322\u031b é (e\u0301 is not é)"},
		{"tab", "a\tb\t\tc\t"},
		{"newline", "line 1\nline 2\n\n"},
		{"cr", "a\rb\r\nc\r"},
		{"backslash", `C:\temp\new\\x \t \n \x41 \101 \b end\`},
		{"backslash-N", `\N`},
		{"backslash-dot", `\.`},
		{"quotes", "'single' \"double\" 'back' ''two'' $$dollar$$ $x$ E'\\''"},
		{"empty", ""},
		{"spaces", "  lead and trail  "},
		{"controls", "\x01\x02\x07\x08\x0b\x0c\x1b[31m\x1e\x1f\x7f\u0085\u2028\u2029"},
		{"bom", "\ufeffbom \ufffe \uffff \ufffd"},
		{"word-null", "NULL"},
		{"bool-t", "t"},
		{"number", "00123"},
		{"number-exp", "1e309"},
		{"format", "%s %d %% {0} ${x} #{y} :name ? ?? $1"},
		{"csv", "a,b;\"c\",'d'|e\tf"},
		{"html", "<script>alert('x')</script>&amp;&#0;"},
		{"json-nul-escape", `\u0000`},
		{"only-newline", "\n"},
		{"long", strings.Repeat("жжж", 3000)},
	}
}

// first is the beginning of a text, at most so many characters.
func first(text string, characters int) string {
	for i := range text {
		if characters == 0 {
			return text[:i]
		}
		characters--
	}
	return text
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + number(n)
	}
	return number(n)
}
