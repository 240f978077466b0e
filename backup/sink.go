package backup

import (
	"context"
	"iter"
	"log/slog"
	"os"
	"time"
)

// sink is what one backup is written to. A creation uses it in the order of these methods.
type sink interface { //nolint:interfacebloat // they are the steps of one work, and none is used without the others
	// String says where it is.
	String() string
	// begin keeps others from writing there until close, and names the backup. The context that it gives ends when it cannot keep them out any more.
	begin(ctx context.Context, now time.Time) (held context.Context, id string, err error)
	// stage tries to write, removes what killed runs have left, and makes the folder where the backup is put together.
	stage(ctx context.Context) (*staging, error)
	// application is what the sessions of pg_dump are called: they are ended when another backup finds them, which begin has let in.
	application() string
	// free is the room for what is added and taken.
	free() (bytes int64, known bool)
	// moves reports whether take copies.
	moves() bool
	// take is given each file of the folder when it is complete. It may note in it where its content is.
	take(ctx context.Context, file *Stored, took func(bytes int64)) error
	// before are the media of the backup before, in the order of their paths, as far as they are known.
	before(ctx context.Context, log *slog.Logger) iter.Seq2[Medium, error]
	// keep reports whether the content of one of them is there, which it has in this backup too, and notes where.
	keep(medium *Medium) bool
	// together is how many goroutines may call add at once.
	together() int
	// add takes the content of a file, and tells what it is, and whether it is new.
	add(ctx context.Context, from *os.File, took func(bytes int64)) (stored Stored, isNew bool, err error)
	// flush ends the adding.
	flush(ctx context.Context) error
	// publish makes all of it a backup, whole or not at all.
	publish(ctx context.Context, manifest *Manifest) error
	// discard removes the folder, and what is not published of what was taken, as far as the next backup does not use it. There may be none of it.
	discard() error
	// close lets others in.
	close() error
}

// staging is a folder where a backup is put together, or one is fetched to.
type staging struct {
	root *os.Root
	path string // absolute, for programs that open files by themselves
}
