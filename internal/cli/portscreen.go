package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/synapsedb/synapse/internal/portview"
	"github.com/synapsedb/synapse/port"
)

// screen is the full-screen view of a port.
type screen struct {
	env   *environment
	file  *os.File
	title string
	estimate

	stopping func() bool             // whether the port has been told to stop
	cancel   context.CancelCauseFunc // tells it
	log      *portview.Log
	signals  chan os.Signal
	close    context.CancelFunc
	gone     chan struct{} // closed when the terminal is as it was before
}

// requireScreen refuses the view where there is no terminal for it.
func (e *environment) requireScreen() error {
	if _, ok := terminal(e.stderr); ok {
		return nil
	}
	return &usageError{fmt.Errorf("--tui needs a terminal on standard error (TERM is %q); leave the flag out: progress is then plain lines",
		os.Getenv("TERM"))}
}

// showScreen shows the view until the function that it returns is called. The context that it returns ends also when the user stops the
// port. When the user leaves the view, progress is shown as without it.
func (e *environment) showScreen(ctx context.Context, options *port.Options) (context.Context, func()) {
	file, _ := terminal(e.stderr)
	s := &screen{
		env: e, file: file, title: "synapse port " + filepath.Base(options.Source),
		estimate: estimate{progress: options.Progress, phases: phasesOf(options), begun: time.Now()},
		log:      &portview.Log{}, signals: make(chan os.Signal, 2), gone: make(chan struct{}),
	}
	options.Log = slog.New(s.log.Handler(options.Log.Handler()))
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.stopping = func() bool { return ctx.Err() != nil }
	viewing, closeView := context.WithCancel(context.WithoutCancel(ctx))
	s.close = closeView
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { s.show(viewing, done) })
	group.Go(s.obey)
	stop := sync.OnceFunc(func() {
		closeView()
		close(done)
		group.Wait()
		s.cancel(nil)
	})
	return ctx, stop
}

// show has the view on the terminal and then, if the port is not over, the usual progress.
func (s *screen) show(viewing context.Context, done <-chan struct{}) {
	_, err := portview.Run(viewing, portview.Options{
		Output: s.file, Input: keyboard(), Colour: os.Getenv("NO_COLOR") == "", Log: s.log,
		Snapshot: func() portview.View { return s.view(s.title, s.stopping()) },
		Stop:     func() { s.ask(os.Interrupt) },
	})
	close(s.gone)
	if err != nil {
		fmt.Fprintln(s.file, "the full-screen view has ended, the port goes on:", err)
	}
	if dropped := s.log.Dropped(); dropped > 0 {
		fmt.Fprintln(s.file, "earlier lines of the log are left out:", dropped)
	}
	_ = s.log.Release() // a terminal that is gone must not stop the port
	if viewing.Err() == nil {
		stop := s.env.showProgress(s.progress)
		<-done
		stop()
	}
}

// keyboard is the terminal that keys come from, if there is one.
func keyboard() *os.File {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return os.Stdin
	}
	return nil
}

// ask acts as if a signal had come.
func (s *screen) ask(received os.Signal) {
	select {
	case s.signals <- received:
	default: // two are waiting, and the second ends the program
	}
}

// obey stops the port at the first SIGINT or SIGTERM, and at the second ends the program at once, as without the view; but not before
// the terminal is as it was. SIGHUP ends it at once, unless it is ignored, as under nohup.
func (s *screen) obey() {
	listened := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		listened = append(listened, syscall.SIGHUP)
	}
	signal.Notify(s.signals, listened...)
	defer signal.Stop(s.signals)
	stopping := s.stopping()
	for {
		select {
		case <-s.gone:
			return
		case received := <-s.signals:
			if stopping || received == syscall.SIGHUP {
				s.end(received)
			}
			stopping = true
			s.cancel(&signalError{received})
		}
	}
}

// end is what a signal does that nobody catches, once the terminal is as it was.
func (s *screen) end(received os.Signal) {
	s.close()
	<-s.gone
	code := exitInterrupted
	if number, ok := received.(syscall.Signal); ok {
		code += int(number)
	}
	os.Exit(code)
}
