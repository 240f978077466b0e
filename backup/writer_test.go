package backup_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
)

// firstWritten is the number of the first event that a writer writes: the scene has those before it.
const firstWritten = 6

// write adds events and media until it is told to end, and says the number of each.
func (p process) write(ctx context.Context) (err error) {
	// Each statement ends by itself, also when the process is told to end.
	working := context.WithoutCancel(ctx)
	main, err := p.Write[0].opener()(working)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, main.Close()) }()
	state := main
	if len(p.Write) > 1 {
		if state, err = p.Write[1].opener()(working); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, state.Close()) }()
	}
	for number := firstWritten; ctx.Err() == nil; number++ {
		if err := writeOne(working, main, state, p.Folder, number); err != nil {
			return err
		}
		fmt.Println(number)
	}
	return nil
}

func writeOne(ctx context.Context, main, state engine.Querier, store string, number int) error {
	if err := writeEvent(ctx, main, state, number); err != nil {
		return err
	}
	return writeMedium(ctx, main, store, number)
}

// writer is such a process.
type writer struct {
	t       testing.TB
	command *exec.Cmd
	lines   *bufio.Scanner
	errors  bytes.Buffer
}

func (s *scene) startWriter() *writer {
	s.t.Helper()
	databases := s.reached[:1]
	if s.shape == inTwo {
		databases = s.reached[:]
	}
	w := &writer{t: s.t}
	w.command = process{Write: databases, Folder: s.store()}.other().Command(s.t)
	w.command.Stderr = &w.errors
	output, err := w.command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	w.lines = bufio.NewScanner(output)
	if err := w.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	return w
}

// next waits until one more is written, and gives its number.
func (w *writer) next() int {
	w.t.Helper()
	if !w.lines.Scan() {
		w.t.Fatalf("the writer has ended: %s", w.errors.String())
	}
	number, err := strconv.Atoi(w.lines.Text())
	if err != nil {
		w.t.Fatal(err)
	}
	return number
}

// end stops the writer, and gives the last number.
func (w *writer) end() (last int) {
	w.t.Helper()
	if err := w.command.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	for w.lines.Scan() {
		last, _ = strconv.Atoi(w.lines.Text()) // next has looked at the form
	}
	if err := w.command.Wait(); err != nil {
		w.t.Fatalf("the writer failed: %v: %s", err, w.errors.String())
	}
	return last
}

func TestBackupOfManyMediaBesideAWriterIsOfOneMoment(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			s.addMedia(manyMedia, text(mediumSize(t)))
			w := s.startWriter()
			w.next()
			options := s.options()
			phases := map[backup.Phase]bool{}
			options.Progress = func(now backup.Progress) {
				if !phases[now.Phase] { // the writer goes on in every phase
					phases[now.Phase] = true
					w.next()
				}
			}
			manifest, err := s.tryBackUp(options)
			if err != nil {
				t.Fatal(err)
			}
			w.next()
			last := w.end()
			taken := rowsOf(manifest, "events")
			if taken < firstWritten || taken >= int64(last) {
				t.Errorf("the snapshot has %d events, and the writer came to %d", taken, last)
			}
			if m := manifest.Media; m.Without > 0 || m.Differing > 0 || m.Files <= manyMedia {
				t.Errorf("%+v", m)
			}
			p := s.newPlace()
			if _, err := p.restore(p.options()); err != nil {
				t.Fatal(err)
			}
			p.sound(manifest)
			p.everyRow(manifest)
		})
	}
}

// refusals prints which problems an error lists, or the error.
func refusals(err error) string {
	refused, isRefused := errors.AsType[*backup.RefusedError](err)
	if !isRefused {
		return fmt.Sprint(err)
	}
	var ids []string
	for _, problem := range refused.Problems {
		ids = append(ids, string(problem.ID))
	}
	return strings.Join(ids, " ")
}
