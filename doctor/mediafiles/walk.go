package mediafiles

import (
	"context"
	"iter"
	"os"

	"github.com/synapsedb/synapse/media"
)

// walk gives the files of a folder as media.Walk does. Whatever is no regular file counts as one: something stands where a file would be.
func walk(ctx context.Context, store *os.Root, folder media.Kind) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		for file, err := range media.Walk(ctx, store, folder) {
			if err != nil {
				yield(nil, err)
				return
			}
			found := &entry{path: file.Path[1:], size: file.Size, closed: file.Closed}
			if file.Closed == media.NotRegular {
				found.closed = ""
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}
