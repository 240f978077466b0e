package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// codes of terminals for colours.
const (
	red   = "31"
	green = "32"
	bold  = "1"
	faint = "2"
)

// terminal returns the terminal that the writer is, if it is one.
func terminal(writer io.Writer) (*os.File, bool) {
	file, ok := writer.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil, false
	}
	return file, true
}

// paint colours a text on a terminal, unless NO_COLOR asks for none (https://no-color.org).
func (e *environment) paint(writer io.Writer, code, text string) string {
	if _, ok := terminal(writer); !ok || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// size returns columns and rows of a terminal; 80 and 24 when it does not say.
func size(file *os.File) (width, height int) {
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}
