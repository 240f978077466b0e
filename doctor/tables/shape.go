package tables

import (
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// kind of an object, as far as it makes a difference here.
type kind string

const (
	unique     kind = "unique key"
	index      kind = "index"
	foreignKey kind = "foreign key"
	check      kind = "check"
	trigger    kind = "trigger"
	function   kind = "function"
	view       kind = "view"
)

// object is what is compared besides tables and columns.
type object struct {
	kind  kind
	name  string // empty for what SQLite gives none
	table string
	// signature is what makes two of them the same, whatever their names are and however they are written.
	signature string
	// definition is as the engine spells it.
	definition string
	// constraint is true of a key that is not only an index.
	constraint bool
}

// String is for evidence.
func (o *object) String() string {
	name := o.name
	if name == "" {
		name = o.definition
	}
	if o.table == "" {
		return name
	}
	if o.name == "" {
		return o.table + ": " + name
	}
	return name + " of " + o.table + ": " + o.definition
}

// shape is all that is compared of a database.
type shape struct {
	engine   engine.Kind
	tables   []*engine.Table
	objects  []*object
	unlogged []string          // tables whose rows a crash takes
	made     map[string]string // the statement that made a table, on SQLite
}

func (s *shape) table(name string) *engine.Table {
	return engine.FindName(s.tables, name, func(table *engine.Table) string { return table.Name })
}

func column(table *engine.Table, name string) *engine.Column {
	columns := make([]*engine.Column, len(table.Columns))
	for i := range table.Columns {
		columns[i] = &table.Columns[i]
	}
	return engine.FindName(columns, name, func(column *engine.Column) string { return column.Name })
}

// same finds an object that does the same on the same table. A key of either kind does what a unique index does.
func (s *shape) same(wanted *object) *object {
	for _, one := range s.objects {
		if one.kind == wanted.kind && strings.EqualFold(one.table, wanted.table) && one.signature == wanted.signature {
			return one
		}
	}
	return nil
}

// named finds an object of the same name, which is not the same.
func (s *shape) named(wanted *object) *object {
	if wanted.name == "" {
		return nil
	}
	for _, one := range s.objects {
		if (one.kind == wanted.kind || isIndex(one.kind) && isIndex(wanted.kind)) && strings.EqualFold(one.name, wanted.name) && strings.EqualFold(one.table, wanted.table) {
			return one
		}
	}
	return nil
}

func isIndex(kind kind) bool { return kind == unique || kind == index }

// newShape takes a catalog apart.
func newShape(kind engine.Kind, catalog *engine.Catalog) *shape {
	result := &shape{engine: kind, made: map[string]string{}}
	for i := range catalog.Tables {
		result.tables = append(result.tables, &catalog.Tables[i])
	}
	take := result.takePostgres
	if kind == engine.SQLite {
		take = result.takeSQLite
	}
	for i := range catalog.Objects {
		take(&catalog.Objects[i])
	}
	slices.SortStableFunc(result.objects, functionsFirst)
	return result
}

// functionsFirst puts what triggers call before them, so that the statements can be run in the order in which they are told.
func functionsFirst(a, b *object) int {
	switch {
	case a.kind == function && b.kind != function:
		return -1
	case b.kind == function && a.kind != function:
		return 1
	}
	return 0
}

func (s *shape) add(kind kind, from *engine.Object, signature string) *object {
	added := &object{kind: kind, name: from.Name, table: from.Table, definition: from.Definition, signature: s.plain(signature)}
	s.objects = append(s.objects, added)
	return added
}

// takePostgres leaves out what changes nothing for a homeserver: comments, statistics, storage parameters. Sequences are
// another check's, and so are invalid indexes and constraints.
func (s *shape) takePostgres(from *engine.Object) {
	switch from.Type {
	case "index":
		s.postgresIndex(from)
	case "constraint":
		s.postgresConstraint(from)
	case "foreign key":
		s.add(foreignKey, from, strings.TrimSuffix(from.Definition, " NOT VALID"))
	case "trigger":
		s.add(trigger, from, from.Definition)
	case "function":
		s.add(function, from, from.Definition)
	case "view", "materialized view":
		s.add(view, from, from.Definition)
	case "table options":
		if strings.HasPrefix(from.Definition, "UNLOGGED") {
			s.unlogged = append(s.unlogged, from.Name)
		}
	}
}

func (s *shape) postgresIndex(from *engine.Object) {
	const using = " USING "
	from.Definition = strings.TrimSuffix(from.Definition, " INVALID")
	kind := index
	if strings.HasPrefix(from.Definition, "CREATE UNIQUE ") {
		kind = unique
	}
	_, signature, _ := strings.Cut(from.Definition, using)
	s.add(kind, from, signature)
}

func (s *shape) postgresConstraint(from *engine.Object) {
	for _, words := range []string{"PRIMARY KEY ", "UNIQUE "} {
		if columns, is := strings.CutPrefix(from.Definition, words); is {
			s.add(unique, from, "btree "+columns).constraint = true
			return
		}
	}
	s.add(check, from, strings.TrimSuffix(from.Definition, " NOT VALID")).constraint = true
}

// takeSQLite gets constraints from describeSQLite.
func (s *shape) takeSQLite(from *engine.Object) {
	switch from.Type {
	case "index":
		s.sqliteIndex(from)
	case "trigger":
		s.add(trigger, from, from.Definition)
	case "view":
		s.add(view, from, from.Definition)
	case "definition":
		s.made[from.Name] = from.Definition
		s.sqliteChecks(from)
	case "key":
		s.add(unique, from, from.Definition).constraint = true
	case "foreign key":
		s.add(foreignKey, from, from.Definition)
	}
}

// sqliteIndex signs an index with what stands behind the table's name.
func (s *shape) sqliteIndex(from *engine.Object) {
	tokens := sqltext.Tokens(s.engine, from.Definition, manyTokens)
	kind := index
	if len(tokens) > 1 && strings.EqualFold(tokens[1].Text, "UNIQUE") {
		kind = unique
	}
	signature := ""
	if open := slices.IndexFunc(tokens, func(token sqltext.Token) bool { return token.Text == "(" }); open >= 0 {
		signature = from.Definition[tokens[open].Offset:]
	}
	s.add(kind, from, signature)
}

// sqliteChecks finds the CHECKs in the statement of a table.
func (s *shape) sqliteChecks(from *engine.Object) {
	tokens := sqltext.Tokens(s.engine, from.Definition, manyTokens)
	for i, token := range tokens {
		if token.Quoted || !strings.EqualFold(token.Text, "CHECK") || i+1 == len(tokens) || tokens[i+1].Text != "(" {
			continue
		}
		end := closing(tokens, i+1)
		text := from.Definition[token.Offset:]
		if end+1 < len(tokens) {
			text = from.Definition[token.Offset:tokens[end+1].Offset]
		}
		text = text[:strings.LastIndex(text, ")")+1]
		s.objects = append(s.objects, &object{kind: check, table: from.Name, definition: text, signature: s.plain(text)})
	}
}

// closing is the place of the parenthesis that ends the one at open.
func closing(tokens []sqltext.Token, open int) int {
	depth := 0
	for i := open; i < len(tokens); i++ {
		switch tokens[i].Text {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return len(tokens) - 1
}

// manyTokens is more than any statement of a schema has.
const manyTokens = 100_000

// plain writes SQL so that two texts which differ in spaces, quotes around names and capital letters are one.
func (s *shape) plain(text string) string {
	tokens := sqltext.Tokens(s.engine, text, manyTokens)
	words := make([]string, len(tokens))
	for i, token := range tokens {
		words[i] = token.Text
		if token.Name != "" {
			words[i] = strings.ToLower(token.Name)
		}
	}
	return strings.Join(words, " ")
}
