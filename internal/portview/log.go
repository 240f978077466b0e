package portview

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// mostKept is how many records are kept, to be shown and to be logged when the view is gone.
const mostKept = 500

// Entry is a line of the log.
type Entry struct {
	Time  time.Time
	Level slog.Level
	Text  string // the message and its attributes
	Table string // the attribute "table", if there is one
}

func (e Entry) trouble() bool { return e.Level >= slog.LevelWarn }

// Log keeps what is logged while a view has the terminal, and then hands it on to the handler that would have written it.
type Log struct {
	mutex    sync.Mutex
	released bool
	kept     []record
	dropped  int
}

type record struct {
	entry Entry
	write func() error
}

// Handler returns a handler that keeps what next would write, until Release; from then on next writes itself.
func (l *Log) Handler(next slog.Handler) slog.Handler {
	text := &bytes.Buffer{}
	format := slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.Level(-100), ReplaceAttr: withoutHead})
	return &handler{log: l, next: next, text: text, format: format}
}

// withoutHead leaves out what an Entry has fields for; the message is put before the rest without quotes.
func withoutHead(groups []string, attribute slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch attribute.Key {
		case slog.TimeKey, slog.LevelKey, slog.MessageKey:
			return slog.Attr{}
		}
	}
	return attribute
}

// Entries returns the last lines, the oldest first.
func (l *Log) Entries() []Entry {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	entries := make([]Entry, 0, len(l.kept))
	for _, record := range l.kept {
		entries = append(entries, record.entry)
	}
	return entries
}

// Release writes what was kept, and lets everything that comes go its usual way. Calling it again does nothing.
func (l *Log) Release() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.released {
		return nil
	}
	l.released = true
	var first error
	for _, record := range l.kept {
		if err := record.write(); err != nil && first == nil {
			first = err
		}
	}
	l.kept = nil
	return first
}

// Dropped is how many records were too many to be kept.
func (l *Log) Dropped() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.dropped
}

// keep keeps a record, unless the log is released.
func (l *Log) keep(kept record) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.released {
		return false
	}
	if len(l.kept) == mostKept {
		l.kept = append(l.kept[:0], l.kept[1:]...)
		l.dropped++
	}
	l.kept = append(l.kept, kept)
	return true
}

// handler is what loggers write to.
type handler struct {
	log    *Log
	next   slog.Handler
	text   *bytes.Buffer // what format writes; of the log's mutex
	format slog.Handler
	table  string
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, logged slog.Record) error {
	entry := Entry{Time: logged.Time, Level: logged.Level, Text: h.textOf(ctx, logged), Table: h.table}
	logged.Attrs(func(attribute slog.Attr) bool {
		if attribute.Key == "table" {
			entry.Table = attribute.Value.String()
		}
		return true
	})
	logged = logged.Clone()
	later := context.WithoutCancel(ctx)
	if h.log.keep(record{entry, func() error { return h.next.Handle(later, logged) }}) {
		return nil
	}
	return h.next.Handle(ctx, logged)
}

func (h *handler) textOf(ctx context.Context, logged slog.Record) string {
	h.log.mutex.Lock()
	defer h.log.mutex.Unlock()
	h.text.Reset()
	if h.format.Handle(ctx, logged) != nil {
		return logged.Message
	}
	return strings.TrimSpace(logged.Message + " " + strings.TrimSpace(h.text.String()))
}

func (h *handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	with := *h
	with.next, with.format = h.next.WithAttrs(attributes), h.format.WithAttrs(attributes)
	for _, attribute := range attributes {
		if attribute.Key == "table" {
			with.table = attribute.Value.String()
		}
	}
	return &with
}

func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	with.next, with.format = h.next.WithGroup(name), h.format.WithGroup(name)
	return &with
}
