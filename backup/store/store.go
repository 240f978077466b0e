package store

import (
	"context"
	"fmt"
	"io"
	"iter"
)

// Info is one file in a store.
type Info struct {
	// Name is what it was put under.
	Name string
	// Size in bytes.
	Size int64
}

// Store keeps whole, immutable files by name. Names are relative paths with slashes; of letters, digits, dots, dashes and underscores only, no part of
// them begins with a dot, and they have at most 255 bytes. Any other name is refused with a *NameError. A prefix is the beginning of names, not of their parts: "packs/a" lists packs/ab
// and packs/abc/d. All methods but Close may be called from several goroutines, and end with the cause of their context.
//
// Errors are recognised by errors.Is: fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, syscall.ENOSPC for a full disk or a quota that is used up, syscall.EROFS. None contains
// a secret.
type Store interface {
	// Put stores a file. It is there, whole and durable, when Put has returned, and else never seen; with an error that is no refusal it may be either.
	// The error is fs.ErrExist when the name is taken.
	Put(ctx context.Context, name string, content []byte) error
	// Get reads a file; the caller closes it. The error is fs.ErrNotExist when there is none, which may also come from the first Read.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List returns the files whose names begin with the prefix, in the order of the bytes of their names, only whole ones. It ends with the first error.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Remove removes a file for good. It is no error when there is none.
	Remove(ctx context.Context, name string) error
	// Lock keeps other writers out until unlock is called; whoever only reads takes no lock. The context held ends when the lock is lost, with a *LostError as its cause, when ctx
	// ends, and with unlock. The error is a *LockedError while another process has the lock.
	Lock(ctx context.Context) (held context.Context, unlock func() error, err error)
	// Free returns how many bytes there is room for, where that is known.
	Free() (bytes int64, known bool)
	// String says where the store is.
	String() string
	// Close ends what the store has open. It does not unlock.
	Close() error
}

// LockedError says that another process is writing into the store.
type LockedError struct {
	// Store is where that is.
	Store string
	// Who holds the lock, in words; empty when that is not known.
	Who string
}

// Error says who holds the lock, and what to do.
func (e *LockedError) Error() string {
	who := e.Who
	if who == "" {
		who = "another process"
	}
	return fmt.Sprintf("%s is writing into %s; wait until it has ended", who, e.Store)
}

// LostError says why a lock is held no more.
type LostError struct {
	// Store is where that is.
	Store string
	// Err is why.
	Err error
}

// Error says what must not go on.
func (e *LostError) Error() string {
	return fmt.Sprintf("the lock on %s is lost, so another process may write into it, and this one must not go on: %v", e.Store, e.Err)
}

// Unwrap returns why.
func (e *LostError) Unwrap() error { return e.Err }

// NameError says that something cannot be the name of a file in a store.
type NameError struct{ Name string }

// Error says what names are like.
func (e *NameError) Error() string {
	return fmt.Sprintf("%q is no name of a file in a backup repository: parts of letters, digits, dots, dashes and underscores, none beginning with a dot, and slashes between them", e.Name)
}
