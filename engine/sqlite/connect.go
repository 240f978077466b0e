package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// busyWait is how long a connection waits for a lock. A writer in rollback mode excludes readers only while it writes
// its pages out.
const busyWait = 5 * time.Second

// snapshotAttempts bounds how often the connections are put on one state; a try fails only when a checkpoint restarts the
// log in the middle of it.
const snapshotAttempts = 100

// errMoved tells that the connections came to stand on different states.
var errMoved = errors.New("the database kept changing while its readers were opened")

func (s *Snapshot) connect(ctx context.Context, readers int) error {
	for range readers {
		reader, err := s.newReader()
		if err != nil {
			return explain(s.info.Path, err)
		}
		s.readers = append(s.readers, reader)
	}
	for range snapshotAttempts {
		err := s.begin(ctx)
		if err == nil {
			return s.lookAgain()
		}
		if !errors.Is(err, errMoved) {
			return err
		}
		if err := s.rollback(); err != nil {
			return err
		}
	}
	return &BusyError{Path: s.info.Path, Err: errMoved}
}

// lookAgain takes note of the files as they are under the lock: a writer may have committed since they were looked at.
func (s *Snapshot) lookAgain() (err error) {
	if s.info.Access == SharedLock {
		s.before, err = s.probe.examine()
	}
	return err
}

func (s *Snapshot) newReader() (*Reader, error) {
	connection, err := openHandle(s.info.Access.uri(s.info.Path))
	if err != nil {
		return nil, err
	}
	reader := &Reader{handle: connection, path: s.info.Path, wide: s.before.header.Wide, open: map[*Rows]struct{}{}}
	lib.Xsqlite3_busy_timeout(connection.tls, connection.db, int32(busyWait/time.Millisecond))
	for _, statement := range s.info.Access.preparation() {
		if err := connection.execute(statement); err != nil {
			return nil, errors.Join(err, connection.close())
		}
	}
	return reader, nil
}

// read makes SQLite take its read lock, which BEGIN alone does not.
const read = "SELECT 1 FROM sqlite_schema LIMIT 1"

// begin opens the read transactions, all on the state that the first one finds.
func (s *Snapshot) begin(ctx context.Context) error {
	var first uintptr
	defer func() {
		if first != 0 {
			lib.Xsqlite3_snapshot_free(s.readers[0].handle.tls, first)
		}
	}()
	for i, reader := range s.readers {
		if ctx.Err() != nil {
			return fmt.Errorf("open %s: %w", s.info.Path, context.Cause(ctx))
		}
		var err error
		if i == 0 || s.info.Access != SharedMemory {
			err = reader.beginRead()
		} else {
			err = reader.join(first)
		}
		if err != nil {
			return err
		}
		if i == 0 && s.info.Access == SharedMemory {
			first = reader.snapshot()
			s.mark = markOf(first)
		}
	}
	return nil
}

func (r *Reader) beginRead() error {
	for _, statement := range []string{"BEGIN", read} {
		if err := r.handle.execute(statement); err != nil {
			return explain(r.path, err)
		}
	}
	return nil
}

// snapshot names the state of the write-ahead log that the transaction stands on; 0 means that the log is empty, and then
// the transaction keeps others from writing the log into the file.
func (r *Reader) snapshot() uintptr {
	h := r.handle
	name, err := libc.CString("main")
	if err != nil {
		return 0
	}
	defer libc.Xfree(h.tls, name)
	out := h.tls.Alloc(pointerSize)
	defer h.tls.Free(pointerSize)
	if lib.Xsqlite3_snapshot_get(h.tls, h.db, name, out) != lib.SQLITE_OK {
		return 0
	}
	return loadPointer(out)
}

// join opens the read transaction on the same state as another connection's.
func (r *Reader) join(state uintptr) error {
	if err := r.handle.execute(read); err != nil { // sqlite3_snapshot_open wants a connection that has read before
		return explain(r.path, err)
	}
	if state == 0 {
		return r.joinEmptyLog()
	}
	if err := r.handle.execute("BEGIN"); err != nil {
		return explain(r.path, err)
	}
	if r.openSnapshot(state) != lib.SQLITE_OK {
		return errMoved
	}
	return explain(r.path, r.handle.execute(read))
}

// joinEmptyLog begins on whatever is there, and finds it the same state when the log is still empty.
func (r *Reader) joinEmptyLog() error {
	if err := r.beginRead(); err != nil {
		return err
	}
	other := r.snapshot()
	if other == 0 {
		return nil
	}
	lib.Xsqlite3_snapshot_free(r.handle.tls, other)
	return errMoved
}

func (r *Reader) openSnapshot(state uintptr) int32 {
	h := r.handle
	name, err := libc.CString("main")
	if err != nil {
		return lib.SQLITE_NOMEM
	}
	defer libc.Xfree(h.tls, name)
	return lib.Xsqlite3_snapshot_open(h.tls, h.db, name, state)
}

func (s *Snapshot) rollback() error {
	for _, reader := range s.readers {
		if lib.Xsqlite3_get_autocommit(reader.handle.tls, reader.handle.db) != 0 {
			continue
		}
		if err := reader.handle.execute("ROLLBACK"); err != nil {
			return explain(s.info.Path, err)
		}
	}
	return nil
}
