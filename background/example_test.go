package background_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// An update that fills a column, as a delta enqueues it, and the program that runs it.
func Example() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	ctx, file := context.Background(), sqlite.Config{Database: filepath.Join(folder, "service.db")}
	open := func(ctx context.Context) (engine.Session, error) { return sqlite.OpenSession(ctx, file, nil) }
	if err := prepareExample(ctx, open); err != nil {
		fmt.Println(err)
		return
	}

	registry := background.NewRegistry()
	registry.Register("fill_upper", background.FillColumn{Table: "links", Keys: []string{"id"}, Set: "shouted = upper(name)"}.Run)
	updater, err := background.New(background.Config{
		Open: open, Registry: registry, Pacing: background.Pacing{NoSleep: true},
		OnBatch: func(report background.Report) {
			fmt.Println(report.Update, "rows:", report.Items, "done:", report.Done)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(updater.Run(ctx))
	// Output:
	// fill_upper rows: 2 done: true
	// <nil>
}

// prepareExample does what a schema set does: the tables, and the row that enqueues the update.
func prepareExample(ctx context.Context, open func(context.Context) (engine.Session, error)) error {
	session, err := open(ctx)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		updatesTable, "CREATE TABLE links (id INTEGER PRIMARY KEY, name TEXT, shouted TEXT)", "INSERT INTO links (name) VALUES ('a'), ('b')",
		`INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('fill_upper', '{}', 201)`,
	} {
		if _, err := session.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return session.Close()
}
