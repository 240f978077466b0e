package upstream

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

const (
	localQuarantinedSQL = `SELECT media_id FROM local_media_repository WHERE quarantined_by IS NOT NULL AND media_id > ?
ORDER BY media_id LIMIT ?`
	remoteQuarantinedSQL = `SELECT media_origin, media_id FROM remote_media_cache WHERE quarantined_by IS NOT NULL AND (media_origin, media_id) > (?, ?)
ORDER BY media_origin, media_id LIMIT ?`
	flagSQL = `INSERT INTO quarantined_media_changes (stream_id, instance_name, origin, media_id, quarantined) VALUES (?, 'master', ?, ?, TRUE)`

	// A stream begins with 2, as 1 counts as seen: one more id than needed is taken.
	nextIDsSQL = `SELECT nextval('quarantined_media_id_seq') FROM generate_series(1, CAST(? AS bigint))`
	lastIDSQL  = `SELECT max(1, coalesce((SELECT max(stream_id) FROM quarantined_media_changes), 1),
	coalesce((SELECT max(stream_id) FROM stream_positions WHERE stream_name = 'quarantined_media'), 1))`
)

// quarantined is upstream's progress.
type quarantined struct {
	Local        string `json:"last_local_media_id"`
	RemoteOrigin string `json:"last_remote_origin"`
	Remote       string `json:"last_remote_media_id"`
	LocalDone    bool   `json:"local_done"`
	RemoteDone   bool   `json:"remote_done"`
}

type media struct {
	origin any // nil for this server's own
	id     string
}

// flagQuarantined tells the stream of quarantined media of those that were before there was one.
func flagQuarantined(ctx context.Context, batch *background.Batch) (background.Result, error) {
	from, err := progressOf[quarantined](batch)
	if err != nil {
		return background.Result{}, err
	}
	found, err := from.next(ctx, batch)
	if err != nil {
		return background.Result{}, fmt.Errorf("look for quarantined media: %w", err)
	}
	ids, err := quarantineIDs(ctx, batch.Tx, len(found))
	if err != nil {
		return background.Result{}, fmt.Errorf("take ids of the stream: %w", err)
	}
	for i, one := range found {
		if _, err := batch.Tx.Exec(ctx, flagSQL, ids[i], one.origin, one.id); err != nil {
			return background.Result{}, fmt.Errorf("add to quarantined_media_changes: %w", err)
		}
	}
	return background.Result{Items: len(found), Progress: from, Done: from.LocalDone && from.RemoteDone}, nil
}

// next reads what follows of both tables, and moves on.
func (q *quarantined) next(ctx context.Context, batch *background.Batch) (found []media, err error) {
	size := few(batch)
	if !q.LocalDone {
		err = engine.Each(ctx, batch.Tx, localQuarantinedSQL, []any{q.Local, size}, func(scan func(...any) error) error {
			err := scan(&q.Local)
			found = append(found, media{nil, q.Local})
			return err
		})
		q.LocalDone = len(found) < size
	}
	if err != nil || q.RemoteDone {
		return found, err
	}
	local := len(found)
	err = engine.Each(ctx, batch.Tx, remoteQuarantinedSQL, []any{q.RemoteOrigin, q.Remote, size}, func(scan func(...any) error) error {
		err := scan(&q.RemoteOrigin, &q.Remote)
		found = append(found, media{q.RemoteOrigin, q.Remote})
		return err
	})
	q.RemoteDone = len(found)-local < size
	return found, err
}

// quarantineIDs takes ids from PostgreSQL's sequence; with SQLite they follow the greatest.
func quarantineIDs(ctx context.Context, tx engine.Tx, count int) (ids []int64, err error) {
	if count == 0 {
		return nil, nil
	}
	if tx.Engine() == engine.SQLite {
		var last int64
		err := tx.QueryRow(ctx, lastIDSQL).Scan(&last)
		for i := range count {
			ids = append(ids, last+1+int64(i))
		}
		return ids, err
	}
	err = engine.Each(ctx, tx, nextIDsSQL, []any{count + 1}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		if id > 1 {
			ids = append(ids, id)
		}
		return err
	})
	if err == nil && len(ids) < count {
		err = fmt.Errorf("the sequence quarantined_media_id_seq has given %d ids instead of %d", len(ids), count)
	}
	return ids, err
}
