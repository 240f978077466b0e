package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Reader is one connection of a Snapshot. Only one goroutine may use it at a time; several of its queries may be open.
type Reader struct {
	handle *handle
	path   string
	wide   bool // the database stores its text as UTF-16
	open   map[*Rows]struct{}
	watch  watch
}

// watch interrupts the connection when the context of the newest query ends.
type watch struct {
	mutex sync.Mutex // between the goroutine that interrupts and the one that changes or closes
	done  <-chan struct{}
	round int // tells an interrupt that arrives late that its query is over
	stop  func() bool
}

// Query runs a query, with arguments of type nil, int, int64, float64, bool, string or []byte for its parameters.
// The rows must be closed. When ctx ends, every open query of the reader ends with it.
func (r *Reader) Query(ctx context.Context, query string, arguments ...any) (*Rows, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("read %q: %w", query, context.Cause(ctx))
	}
	if r.handle.db == 0 {
		return nil, fmt.Errorf("read %q: %w", query, errClosed)
	}
	r.follow(ctx)
	statement, err := r.handle.prepare(query)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.path, err)
	}
	if err := r.handle.bind(statement, arguments); err != nil {
		lib.Xsqlite3_finalize(r.handle.tls, statement)
		return nil, fmt.Errorf("read %q: %w", query, err)
	}
	rows := &Rows{reader: r, ctx: ctx, tls: r.handle.tls, statement: statement, query: query, columns: r.columns(statement)}
	r.open[rows] = struct{}{}
	return rows, nil
}

var errClosed = errors.New("the snapshot is closed")

func (r *Reader) columns(statement uintptr) []string {
	names := make([]string, lib.Xsqlite3_column_count(r.handle.tls, statement))
	for i := range names {
		names[i] = libc.GoString(lib.Xsqlite3_column_name(r.handle.tls, statement, int32(i)))
	}
	return names
}

// explain turns a result code into an error that names the file.
func (r *Reader) explain(code int32) error {
	return explain(r.path, r.handle.failure(code))
}

// follow makes the end of ctx interrupt the connection, in place of the end of the context before.
func (r *Reader) follow(ctx context.Context) {
	w := &r.watch
	if w.done == ctx.Done() { // read without the mutex: only the reader's own goroutine writes it
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.release()
	w.done = ctx.Done()
	if w.done == nil {
		return
	}
	round := w.round
	w.stop = context.AfterFunc(ctx, func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if round == w.round {
			interrupt(r.handle.db)
		}
	})
}

// release forgets the context that is followed; the caller holds the mutex.
func (w *watch) release() {
	w.round++
	if w.stop != nil {
		w.stop()
	}
	w.stop, w.done = nil, nil
}

func (r *Reader) close() error {
	r.watch.mutex.Lock()
	r.watch.release()
	r.watch.mutex.Unlock()
	var problems []error
	for rows := range r.open {
		problems = append(problems, rows.Close())
	}
	return errors.Join(append(problems, r.handle.close())...)
}
