package upstream

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/synapsedb/synapse/background"
)

const (
	outboxEndSQL    = `SELECT stream_id FROM device_federation_outbox WHERE stream_id > ? ORDER BY stream_id LIMIT 1 OFFSET ?`
	destinationsSQL = `SELECT DISTINCT destination FROM device_federation_outbox WHERE stream_id > ?`
	dropOutboxSQL   = `DELETE FROM device_federation_outbox WHERE destination = ?`
)

type lastStreamID struct {
	ID int64 `json:"last_stream_id"`
}

// cleanOutbox deletes messages for servers whose names cannot be any.
func cleanOutbox(ctx context.Context, batch *background.Batch) (background.Result, error) {
	from, err := progressOf[lastStreamID](batch)
	if err != nil {
		return background.Result{}, err
	}
	var until int64
	err = batch.Tx.QueryRow(ctx, outboxEndSQL, from.ID, batch.Size-1).Scan(&until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return background.Result{}, fmt.Errorf("look for the end of a batch: %w", err)
	}
	query, values, last := destinationsSQL, []any{from.ID}, err != nil
	if !last {
		query, values = query+" AND stream_id <= ?", append(values, until)
	}
	destinations, err := readTexts(ctx, batch.Tx, query, values...)
	if err != nil {
		return background.Result{}, fmt.Errorf("read the destinations of device_federation_outbox: %w", err)
	}
	for _, destination := range destinations {
		if name, _ := destination.(string); validServerName(name) {
			continue
		}
		if _, err := batch.Tx.Exec(ctx, dropOutboxSQL, destination); err != nil {
			return background.Result{}, fmt.Errorf("delete messages for %q: %w", destination, err)
		}
	}
	return background.Result{Items: batch.Size, Progress: lastStreamID{until}, Done: last}, nil
}

// validServerName follows https://spec.matrix.org/latest/appendices/#server-name, but for the greatest length: a DNS name or
// an IPv4 address, or an IPv6 address in brackets, and perhaps a port.
func validServerName(name string) bool {
	host := name
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.HasSuffix(name, "]") {
		port := name[i+1:]
		host = name[:i]
		if len(port) < 1 || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	if inner, isLiteral := strings.CutPrefix(host, "["); isLiteral {
		inner, closed := strings.CutSuffix(inner, "]")
		address, err := netip.ParseAddr(inner)
		return closed && err == nil && address.Is6() && address.Zone() == ""
	}
	const allowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-."
	return host != "" && strings.Trim(host, allowed) == ""
}
