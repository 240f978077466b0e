package schema_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing/fstest"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// notesFiles are an embed.FS in earnest: //go:embed over a folder with these files.
func notesFiles() fstest.MapFS {
	return fstest.MapFS{
		"main/full_schemas/1/full.sql.sqlite": {Data: []byte(`
			CREATE TABLE notebooks (notebook_id INTEGER PRIMARY KEY, title TEXT NOT NULL);
			CREATE TABLE notes (
				note_id INTEGER PRIMARY KEY,
				notebook_id INTEGER NOT NULL REFERENCES notebooks (notebook_id) ON DELETE CASCADE,
				text TEXT NOT NULL
			);`)},
		"main/delta/2/01pinned.sql": {Data: []byte(`
			ALTER TABLE notes ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT FALSE;`)},
	}
}

// firstRelease is the one before the others here.
func firstRelease() schema.Definition {
	files := notesFiles()
	delete(files, "main/delta/2/01pinned.sql")
	return schema.Definition{
		Name: "notes", Version: 1, CompatVersion: 1, Engines: []engine.Kind{engine.SQLite}, Files: files,
	}
}

func secondRelease() schema.Definition {
	return schema.Definition{
		Name: "notes", Version: 2, CompatVersion: 1, Engines: []engine.Kind{engine.SQLite}, Files: notesFiles(),
	}
}

// A program makes its Set, opens a session, prepares the database, and then opens it for its work.
func Example() {
	inExample(func(ctx context.Context, session engine.Session) error {
		set, err := schema.New(secondRelease())
		if err != nil {
			return err
		}
		for range 2 {
			result, err := schema.Prepare(ctx, session, set, schema.Options{})
			if err != nil {
				return err
			}
			fmt.Println("changed:", result.Changed)
			for _, step := range result.Plan.Steps {
				fmt.Println(" ", step.Name())
			}
		}
		return nil
	})
	// Output:
	// changed: true
	//   main/full_schemas/1/full.sql.sqlite
	//   2/01pinned.sql (main)
	// changed: false
}

// Everything that is wrong with a set is told at once, before any database is opened.
func ExampleNew() {
	definition := secondRelease()
	definition.Engines = append(definition.Engines, engine.Postgres)
	definition.Files.(fstest.MapFS)["main/delta/3/color.sql"] = &fstest.MapFile{}
	definition.Files.(fstest.MapFS)["main/delta/2/color.sql"] = &fstest.MapFile{}
	_, err := schema.New(definition)
	fmt.Println(err)
	// Output:
	// the schema set "notes" cannot be used:
	//   main/delta/3: the version is above that of the set, 2
	//   main/delta/2/color.sql: a delta is called NNname.sql or NNname.sql.ENGINE: two digits, a name, and sqlite, postgres or mysql
	//   there is no full schema for postgres that is not above version 2 (DATABASE/full_schemas/VERSION/full.sql.postgres)
}

// A plan tells an operator what an upgrade would do, and why; nothing is changed.
func ExampleMakePlan() {
	inExample(func(ctx context.Context, session engine.Session) error {
		if err := prepareExample(ctx, session, firstRelease()); err != nil {
			return err
		}
		set, err := schema.New(secondRelease())
		if err != nil {
			return err
		}
		plan, err := schema.MakePlan(ctx, session, set, schema.Options{})
		if err != nil {
			return err
		}
		fmt.Printf("from %d to %d\n", plan.From, plan.To)
		for _, step := range plan.Steps {
			fmt.Println(step.File)
			fmt.Println("  why:", step.Why)
			fmt.Println("  in one transaction with its record:", step.Transaction)
			fmt.Println("  locks:", step.Locks[0])
		}
		return nil
	})
	// Output:
	// from 1 to 2
	// main/delta/2/01pinned.sql
	//   why: not applied yet; the database has version 1
	//   in one transaction with its record: true
	//   locks: the whole database: others can read, none can write, until the step is done
}

// The status says how a database and the code stand to each other.
func ExampleInspect() {
	inExample(func(ctx context.Context, session engine.Session) error {
		set, err := schema.New(secondRelease())
		if err != nil {
			return err
		}
		for _, release := range []schema.Definition{firstRelease(), secondRelease()} {
			if err := printStatus(ctx, session, set); err != nil {
				return err
			}
			if err := prepareExample(ctx, session, release); err != nil {
				return err
			}
		}
		return printStatus(ctx, session, set)
	})
	// Output:
	// empty: version 0 of 2, 2 missing, ready: false
	// behind: version 1 of 2, 1 missing, ready: false
	// current: version 2 of 2, 0 missing, ready: true
}

func printStatus(ctx context.Context, session engine.Session, set *schema.Set) error {
	status, err := schema.Inspect(ctx, session, set, schema.Options{})
	if err != nil {
		return err
	}
	fmt.Printf("%s: version %d of %d, %d missing, ready: %t\n",
		status.Verdict, status.Version, status.CodeVersion, len(status.Missing), status.Verdict.Ready())
	return nil
}

// A process that shares its database with the one that upgrades does not upgrade. It refuses with the list of what is
// missing.
func ExampleOptions_noUpgrade() {
	inExample(func(ctx context.Context, session engine.Session) error {
		if err := prepareExample(ctx, session, firstRelease()); err != nil {
			return err
		}
		set, err := schema.New(secondRelease())
		if err != nil {
			return err
		}
		_, err = schema.Prepare(ctx, session, set, schema.Options{NoUpgrade: true})
		behind, is := errors.AsType[*schema.BehindError](err)
		if !is {
			return err
		}
		for _, step := range behind.Plan.Steps {
			fmt.Println("missing:", step.Name())
		}
		return nil
	})
	// Output:
	// missing: 2/01pinned.sql (main)
}

// SQLite's ALTER TABLE cannot add a constraint. This Go delta rewrites a table to which another one has a foreign key;
// with KeysUnchecked the rows there stay, and all keys are checked before the commit.
func ExampleGoDelta() {
	release := secondRelease()
	release.Version, release.CompatVersion = 3, 3
	release.GoDeltas = []schema.GoDelta{{
		Database: "main", Version: 3, Name: "01title_required.go", KeysUnchecked: true,
		Create: func(ctx context.Context, tx engine.Tx) error {
			return sqlite.RewriteTable(ctx, tx, sqlite.Rewrite{
				Table:      "notebooks",
				Definition: "(notebook_id INTEGER PRIMARY KEY, title TEXT NOT NULL CHECK (title <> ''))",
				Columns:    []sqlite.RewriteColumn{{Name: "notebook_id"}, {Name: "title", Value: "coalesce(nullif(title, ''), 'untitled')"}},
			})
		},
	}}
	inExample(func(ctx context.Context, session engine.Session) error {
		if err := prepareExample(ctx, session, secondRelease()); err != nil {
			return err
		}
		for _, statement := range []string{
			"INSERT INTO notebooks (notebook_id, title) VALUES (1, ''), (2, 'letters')",
			"INSERT INTO notes (notebook_id, text) VALUES (1, 'milk'), (2, 'Dear Ada')",
		} {
			if _, err := session.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if err := prepareExample(ctx, session, release); err != nil {
			return err
		}
		return printTexts(ctx, session, "SELECT title, text FROM notes JOIN notebooks USING (notebook_id) ORDER BY notebook_id")
	})
	// Output:
	// untitled: milk
	// letters: Dear Ada
}

// prepareExample brings the database to a release.
func prepareExample(ctx context.Context, session engine.Session, definition schema.Definition) error {
	set, err := schema.New(definition)
	if err != nil {
		return err
	}
	_, err = schema.Prepare(ctx, session, set, schema.Options{})
	return err
}

// inExample opens a session on a new file for the length of an example.
func inExample(work func(ctx context.Context, session engine.Session) error) {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: filepath.Join(folder, "notes.db")}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	if err := work(ctx, session); err != nil {
		fmt.Println(err)
	}
}

func printTexts(ctx context.Context, session engine.Session, query string) error {
	rows, err := session.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var first, second string
		if err := rows.Scan(&first, &second); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", first, second)
	}
	return rows.Err()
}
