package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// handle is one raw connection. It talks to the library below the drivers because a snapshot needs what neither
// driver offers: no checkpoint when the last connection closes, sqlite3_snapshot_*, and column bytes without a copy.
type handle struct {
	tls *libc.TLS
	db  uintptr
}

// openHandle opens uri read-only. The connection will neither checkpoint nor remove the write-ahead log when it closes.
func openHandle(uri string) (*handle, error) { return openHandleFor(lib.SQLITE_OPEN_READONLY, uri) }

// openHandleFor opens uri for reading or writing, as one of SQLITE_OPEN_READONLY and SQLITE_OPEN_READWRITE says.
func openHandleFor(purpose int32, uri string) (*handle, error) {
	h := &handle{tls: libc.NewTLS()}
	if err := h.open(purpose, uri); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *handle) open(purpose int32, uri string) error {
	name, err := libc.CString(uri)
	if err != nil {
		return fmt.Errorf("allocate: %w", err)
	}
	defer libc.Xfree(h.tls, name)
	out := h.tls.Alloc(pointerSize)
	defer h.tls.Free(pointerSize)
	const flags = lib.SQLITE_OPEN_URI | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_PRIVATECACHE
	code := lib.Xsqlite3_open_v2(h.tls, name, out, purpose|flags, 0)
	h.db = loadPointer(out)
	if code != lib.SQLITE_OK {
		return h.failure(code)
	}
	lib.Xsqlite3_extended_result_codes(h.tls, h.db, 1)
	return h.configure(lib.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
}

// configure switches one of the boolean SQLITE_DBCONFIG options.
func (h *handle) configure(option int32, on bool) error {
	value := int32(0)
	if on {
		value = 1
	}
	const slots = 2 * 8 // libc.VaList takes eight bytes for each argument on every platform
	list := libc.Xmalloc(h.tls, types.Size_t(slots))
	if list == 0 {
		return h.failure(lib.SQLITE_NOMEM)
	}
	defer libc.Xfree(h.tls, list)
	return h.check(lib.Xsqlite3_db_config(h.tls, h.db, option, libc.VaList(list, value, uintptr(0))))
}

func (h *handle) close() error {
	if h.tls == nil {
		return nil
	}
	var err error
	if h.db != 0 {
		err = h.check(lib.Xsqlite3_close_v2(h.tls, h.db))
	}
	h.tls.Close()
	h.tls, h.db = nil, 0
	return err
}

func (h *handle) check(code int32) error {
	if code == lib.SQLITE_OK {
		return nil
	}
	return h.failure(code)
}

func (h *handle) failure(code int32) error {
	err := &ResultError{Code: int(code), Message: libc.GoString(lib.Xsqlite3_errstr(h.tls, code))}
	if h.db == 0 {
		return err
	}
	err.Message = libc.GoString(lib.Xsqlite3_errmsg(h.tls, h.db))
	if extended := lib.Xsqlite3_extended_errcode(h.tls, h.db); extended&0xff == code&0xff {
		err.Code = int(extended)
	}
	return err
}

// execute runs one statement to its end and drops its rows.
func (h *handle) execute(query string) error {
	statement, err := h.prepare(query)
	if err != nil {
		return err
	}
	code := int32(lib.SQLITE_ROW)
	for code == lib.SQLITE_ROW {
		code = lib.Xsqlite3_step(h.tls, statement)
	}
	if code != lib.SQLITE_DONE {
		err = fmt.Errorf("%s: %w", query, h.failure(code))
	}
	lib.Xsqlite3_finalize(h.tls, statement)
	return err
}

// prepare compiles exactly one statement.
func (h *handle) prepare(query string) (statement uintptr, err error) {
	text, err := libc.CString(query)
	if err != nil {
		return 0, fmt.Errorf("allocate: %w", err)
	}
	defer libc.Xfree(h.tls, text)
	out := h.tls.Alloc(2 * pointerSize)
	defer h.tls.Free(2 * pointerSize)
	tail := out + uintptr(pointerSize)
	if code := lib.Xsqlite3_prepare_v2(h.tls, h.db, text, -1, out, tail); code != lib.SQLITE_OK {
		return 0, fmt.Errorf("prepare %q: %w", query, h.failure(code))
	}
	statement = loadPointer(out)
	rest := query[loadPointer(tail)-text:]
	if statement == 0 || !blank(rest) {
		lib.Xsqlite3_finalize(h.tls, statement)
		return 0, fmt.Errorf("prepare %q: want one statement, followed by nothing", query)
	}
	return statement, nil
}

func blank(text string) bool {
	for _, character := range text {
		if character != ' ' && character != '\n' && character != '\t' && character != '\r' && character != ';' {
			return false
		}
	}
	return true
}

// interrupt makes every statement of the connection that has begun and not ended fail. Any goroutine may call it,
// which is why it brings its own TLS: the one of the connection belongs to the goroutine that reads.
func interrupt(db uintptr) {
	tls := libc.NewTLS()
	defer tls.Close()
	lib.Xsqlite3_interrupt(tls, db)
}
