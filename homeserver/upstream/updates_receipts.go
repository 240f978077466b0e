package upstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// Of receipts that are there more than once, the newest stays; the graph's are all deleted, as nothing tells them apart.
// ROW is how an engine calls the place of a row.
const (
	deleteOlderReceiptsSQL = `DELETE FROM receipts_linearized WHERE ROW IN (SELECT place FROM (
	SELECT ROW AS place, row_number() OVER (PARTITION BY room_id, receipt_type, user_id ORDER BY stream_id DESC, ROW DESC) AS nth
	FROM receipts_linearized WHERE thread_id IS NULL) AS ranked WHERE nth > 1)`
	deleteDoubleReceiptsSQL = `DELETE FROM receipts_graph WHERE ROW IN (SELECT place FROM (
	SELECT ROW AS place, count(*) OVER (PARTITION BY room_id, receipt_type, user_id) AS times
	FROM receipts_graph WHERE thread_id IS NULL) AS counted WHERE times > 1)`
)

func receiptUpdates() []update {
	return []update{
		uniqueReceipts("receipts_linearized", deleteOlderReceiptsSQL),
		uniqueReceipts("receipts_graph", deleteDoubleReceiptsSQL),
	}
}

// uniqueReceipts allows one receipt without a thread of each kind, for each user and room.
func uniqueReceipts(table, deletion string) update {
	name := table + "_unique_index"
	index := background.CreateIndex{
		Name: name, Table: table, Columns: columns("room_id", "receipt_type", "user_id"), Where: "thread_id IS NULL", Unique: true,
	}
	made := buildIndex(name, index)
	made.alone = func(ctx context.Context, alone *background.Alone) (background.Result, error) {
		err := alone.Session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error { return execute(ctx, tx, byPlace(tx, deletion)) })
		if err != nil {
			return background.Result{}, fmt.Errorf("delete receipts of %s that are there more than once: %w", table, err)
		}
		return index.Run(ctx, alone)
	}
	return made
}

// byPlace puts the engine's name of a row's place into a statement.
func byPlace(tx engine.Tx, statement string) string {
	place := "rowid"
	if tx.Engine() == engine.Postgres {
		place = "ctid"
	}
	return strings.ReplaceAll(statement, "ROW", place)
}
