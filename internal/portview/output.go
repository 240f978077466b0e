package portview

import (
	"os"
	"regexp"
)

// questions are what the library asks a terminal, or changes of its keyboard. The answers come as if they were typed, and
// after a port that ends at once they would come to the shell. A view of a few keys needs none of it.
var questions = regexp.MustCompile(`\x1b\[(?:\?202[67]\$p|\?u|[<>=][0-9;]*u|>4(?:;2)?m)`)

// output is the terminal without the questions.
type output struct{ *os.File }

func (o output) Write(text []byte) (int, error) {
	if _, err := o.File.Write(questions.ReplaceAll(text, nil)); err != nil {
		return 0, err
	}
	return len(text), nil
}
