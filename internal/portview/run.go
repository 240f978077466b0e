package portview

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Options say what is shown, and where.
type Options struct {
	Output   *os.File    // the terminal
	Input    *os.File    // the same, for its keys; nil when there is no keyboard
	Colour   bool        // colours may be used
	Snapshot func() View // is called a few times a second
	Log      *Log        // may be nil
	Stop     func()      // is called when the port is to stop, and again at each further Ctrl-C; it must not wait
}

// redrawEvery is the time between two looks.
const redrawEvery = 200 * time.Millisecond

// Run shows the view until ctx ends or the user leaves it, and returns whether it was the user. However it ends, the terminal is then as it
// was before; so it is after an error, which is about the terminal and not about the port. Signals are the caller's: Ctrl-C
// typed on Input is none while the view is shown.
func Run(ctx context.Context, options Options) (left bool, err error) {
	if options.Log == nil {
		options.Log = &Log{}
	}
	settings := []tea.ProgramOption{tea.WithOutput(output{options.Output}), tea.WithoutSignalHandler(), tea.WithFPS(20)}
	if options.Input == nil {
		settings = append(settings, tea.WithInput(nil))
	} else {
		settings = append(settings, tea.WithInput(options.Input))
	}
	shown := &model{options: options, paint: newPalette(options.Colour), view: options.Snapshot()}
	program := tea.NewProgram(shown, settings...)
	stop := context.AfterFunc(ctx, program.Quit)
	defer stop()
	_, err = program.Run()
	if err = errors.Join(shown.failed, err); err != nil {
		return false, fmt.Errorf("show the view: %w", err)
	}
	return shown.left, nil
}
