package sqlite

import (
	"fmt"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// transient tells SQLite to copy a bound value at once (SQLITE_TRANSIENT).
const transient = ^uintptr(0)

func (h *handle) bind(statement uintptr, arguments []any) error {
	if want := int(lib.Xsqlite3_bind_parameter_count(h.tls, statement)); want != len(arguments) {
		return fmt.Errorf("the statement has %d parameters, %d arguments were given", want, len(arguments))
	}
	for i, argument := range arguments {
		if err := h.bindOne(statement, int32(i+1), argument); err != nil {
			return fmt.Errorf("bind argument %d: %w", i+1, err)
		}
	}
	return nil
}

func (h *handle) bindOne(statement uintptr, position int32, argument any) error {
	switch value := argument.(type) {
	case nil:
		return h.check(lib.Xsqlite3_bind_null(h.tls, statement, position))
	case int64:
		return h.check(lib.Xsqlite3_bind_int64(h.tls, statement, position, value))
	case int:
		return h.check(lib.Xsqlite3_bind_int64(h.tls, statement, position, int64(value)))
	case float64:
		return h.check(lib.Xsqlite3_bind_double(h.tls, statement, position, value))
	case bool:
		return h.bindOne(statement, position, map[bool]int64{true: 1}[value])
	case string:
		return h.bindBytes(statement, position, []byte(value), true)
	case []byte:
		return h.bindBytes(statement, position, value, false)
	}
	return fmt.Errorf("type %T is none of nil, int, int64, float64, bool, string, []byte", argument)
}

func (h *handle) bindBytes(statement uintptr, position int32, value []byte, text bool) error {
	if value == nil && !text {
		return h.check(lib.Xsqlite3_bind_null(h.tls, statement, position))
	}
	copied := libc.Xmalloc(h.tls, types.Size_t(len(value)+1)) // a null pointer would bind NULL, also for an empty value
	if copied == 0 {
		return h.failure(lib.SQLITE_NOMEM)
	}
	defer libc.Xfree(h.tls, copied)
	copy(libc.GoBytes(copied, len(value)), value)
	if text {
		return h.check(lib.Xsqlite3_bind_text64(h.tls, statement, position, copied, uint64(len(value)), transient, lib.SQLITE_UTF8))
	}
	return h.check(lib.Xsqlite3_bind_blob64(h.tls, statement, position, copied, uint64(len(value)), transient))
}
