package homeserver_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
)

// A room is purged from both logical databases in one transaction, as one physical database holds them here.
func ExamplePurgeRoom() {
	ctx := context.Background()
	db, end, err := exampleDatabase(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()

	for range 2 {
		room, state, err := purgeRoom(ctx, db, "!texts:demo.example.com")
		if missing, is := errors.AsType[*homeserver.NoRoomError](err); is {
			fmt.Println("there is no room", missing.RoomID)
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, table := range room.Tables {
			if table.Table == "events" || table.Table == "rooms" {
				fmt.Println(table.Table, table.Rows)
			}
		}
		fmt.Println("state groups:", state.Tables[len(state.Tables)-1].Rows > 0)
	}
	// Output:
	// events 65
	// rooms 1
	// state groups: true
	// there is no room !texts:demo.example.com
}

func purgeRoom(ctx context.Context, db *sql.DB, roomID string) (room, state homeserver.PurgeResult, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return room, state, err
	}
	defer func() { _ = tx.Rollback() }() // nothing is left to roll back after a commit
	statements := engine.Statements{Kind: engine.SQLite, Connection: tx}
	if room, err = homeserver.PurgeRoom(ctx, statements, roomID); err != nil {
		return room, state, err
	}
	if state, err = homeserver.PurgeRoomState(ctx, statements, roomID); err != nil {
		return room, state, err
	}
	return room, state, tx.Commit()
}

// exampleDatabase is a small homeserver's database. In earnest there is one.
func exampleDatabase(ctx context.Context) (db *sql.DB, end func(), err error) {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(folder, "homeserver.db")
	if _, err := demo.Generate(ctx, file, demo.Options{Events: 50}); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	db, err = sql.Open("sqlite", "file:"+file+"?_pragma=foreign_keys(1)&_txlock=immediate")
	return db, func() { _ = errors.Join(db.Close(), os.RemoveAll(folder)) }, err
}
