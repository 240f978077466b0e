package sqltext_test

import (
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

func ExampleSplit() {
	statements, err := sqltext.Split(engine.Postgres, `
CREATE TABLE rooms (room_id text PRIMARY KEY, topic text DEFAULT 'none; yet');
-- synapse: no-transaction
CREATE INDEX CONCURRENTLY rooms_topic ON rooms (topic);
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, statement := range statements {
		fmt.Println(statement.Line, statement.Marks, statement.Text)
	}
	// Output:
	// 2 [] CREATE TABLE rooms (room_id text PRIMARY KEY, topic text DEFAULT 'none; yet')
	// 4 [no-transaction] CREATE INDEX CONCURRENTLY rooms_topic ON rooms (topic)
}

func ExampleBind() {
	fmt.Println(sqltext.Bind("SELECT '?' FROM profiles WHERE fields ?? ? AND user_id = ?"))
	// Output: SELECT '?' FROM profiles WHERE fields ? $1 AND user_id = $2
}

func ExampleWords() {
	fmt.Printf("%q\n", sqltext.Words(engine.SQLite, `/* why */ create table "Rooms" (room_id text)`, 3))
	// Output: ["CREATE" "TABLE" "Rooms"]
}
