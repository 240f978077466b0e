package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// What examines a copy. The tables of modules that this library lacks are left to what they are stored in.
const (
	quickCheck     = "PRAGMA quick_check(10)"
	integrityCheck = "PRAGMA integrity_check(10)"
)

// check reads the copy as a database.
func (b *StagedBackup) check(ctx context.Context) (err error) {
	query := map[BackupCheck]string{QuickCheck: quickCheck, IntegrityCheck: integrityCheck}[b.plan.options.Check]
	connection, err := openHandle(Immutable.uri(b.partial.path))
	if err != nil {
		return fmt.Errorf("open %s: %w", b.partial.path, err)
	}
	reader := &Reader{handle: connection, path: b.partial.path, wide: b.result.Source.Encoding == "UTF-16", open: map[*Rows]struct{}{}}
	defer func() { err = errors.Join(err, reader.close()) }()
	for _, statement := range Immutable.preparation() {
		if err := connection.execute(statement); err != nil {
			return fmt.Errorf("open %s: %w", b.partial.path, err)
		}
	}
	messages, err := reader.messages(ctx, query)
	if damaged, isDamaged := errors.AsType[*DamagedError](err); isDamaged {
		messages, err = append(messages, damaged.Err.Error()), nil
	}
	if err != nil {
		return fmt.Errorf("check the copy: %w", err)
	}
	if len(messages) == 1 && messages[0] == "ok" {
		return nil
	}
	return &IntegrityError{Path: b.plan.source, Check: b.plan.options.Check, Messages: messages}
}

// messages collects the first column of a query.
func (r *Reader) messages(ctx context.Context, query string) ([]string, error) {
	rows, err := r.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []string
	for {
		more, err := rows.Next()
		if err != nil || !more {
			return found, err
		}
		found = append(found, string(rows.Append(0, nil)))
	}
}
