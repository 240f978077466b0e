package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

//go:embed schema
var files embed.FS

// newSet describes the tables of this release.
func newSet() (*schema.Set, error) {
	own, err := fs.Sub(files, "schema")
	if err != nil {
		return nil, err
	}
	return schema.New(schema.Definition{
		Name: "links", Version: 2, CompatVersion: 2, // code of version 1 would write links without their host
		Engines: []engine.Kind{engine.SQLite, engine.Postgres},
		Files:   own,
		// SQL cannot take an address apart on every engine; Go can.
		GoDeltas: []schema.GoDelta{{Database: "main", Version: 2, Name: "02fill_host.go", Upgrade: fillHosts}},
	})
}

// fillHosts reads all links before it writes the first: a transaction runs one statement at a time.
func fillHosts(ctx context.Context, tx engine.Tx, _ any) error {
	links, err := readLinks(ctx, tx)
	if err != nil {
		return err
	}
	for _, link := range links {
		if _, err := tx.Exec(ctx, "UPDATE links SET host = ? WHERE name = ?", hostOf(link.target), link.name); err != nil {
			return fmt.Errorf("the host of %s: %w", link.name, err)
		}
	}
	return nil
}

// link is a row as version 2 finds it.
type link struct{ name, target string }

func readLinks(ctx context.Context, from engine.Querier) ([]link, error) {
	rows, err := from.Query(ctx, "SELECT name, target FROM links ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read the links: %w", err)
	}
	defer rows.Close()
	var links []link
	for rows.Next() {
		var read link
		if err := rows.Scan(&read.name, &read.target); err != nil {
			return nil, fmt.Errorf("read the links: %w", err)
		}
		links = append(links, read)
	}
	return links, rows.Err()
}

// hostOf is empty for what is no address.
func hostOf(target string) string {
	parsed, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}
