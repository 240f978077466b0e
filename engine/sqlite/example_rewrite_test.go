package sqlite_test

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// A Go delta that makes a column BIGINT NOT NULL calls RewriteTable in its Create, and has KeysUnchecked set.
func ExampleRewriteTable() {
	ctx := context.Background()
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: ":memory:"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = session.Close() }()
	for _, statement := range []string{
		"CREATE TABLE lamps (name TEXT PRIMARY KEY, brightness TEXT)",
		"CREATE INDEX lamps_brightness ON lamps (brightness)",
		"INSERT INTO lamps VALUES ('hall', '80'), ('attic', NULL)",
	} {
		if _, err := session.Exec(ctx, statement); err != nil {
			fmt.Println(err)
			return
		}
	}
	err = session.Transact(ctx, engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
		return sqlite.RewriteTable(ctx, tx, sqlite.Rewrite{
			Table:      "lamps",
			Definition: "(name TEXT PRIMARY KEY, brightness BIGINT NOT NULL)",
			Columns:    []sqlite.RewriteColumn{{Name: "name"}, {Name: "brightness", Value: "coalesce(CAST(brightness AS BIGINT), ?)"}},
			Values:     []any{0},
		})
	})
	var dark string
	if err == nil {
		err = session.QueryRow(ctx, "SELECT name FROM lamps INDEXED BY lamps_brightness WHERE brightness = 0").Scan(&dark)
	}
	fmt.Println(dark, err)
	// Output: attic <nil>
}
