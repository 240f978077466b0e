package dump

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// postgresReader takes what pg_dump writes apart.
type postgresReader struct {
	session engine.Session
	tool    *PgDump
}

func (r *postgresReader) quote(name string) string { return postgres.QuoteIdentifier(name) }

func (r *postgresReader) tables(ctx context.Context) ([]string, error) {
	catalog, err := r.session.Describe(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, table := range catalog.Tables {
		names = append(names, table.Name)
	}
	return names, nil
}

// namespaceSQL gives the schema's name also as pg_dump writes it.
const namespaceSQL = `SELECT current_setting('server_version_num')::int / 10000, current_schema(), quote_ident(current_schema())`

func (r *postgresReader) read(ctx context.Context) ([]entry, error) {
	var server int
	var namespace, qualifier string
	if err := r.session.QueryRow(ctx, namespaceSQL).Scan(&server, &namespace, &qualifier); err != nil {
		return nil, err
	}
	if err := r.tool.check(ctx, server); err != nil {
		return nil, err
	}
	catalog, err := r.session.Describe(ctx)
	if err != nil {
		return nil, err
	}
	text, err := r.tool.run(ctx, namespace)
	if err != nil {
		return nil, err
	}
	statements, err := sqltext.SplitUnmarked(engine.Postgres, text)
	if err != nil {
		return nil, fmt.Errorf("read what %s wrote: %w", r.tool.Program, err)
	}
	owners := ownersOf(catalog)
	var entries []entry
	var unknown []string
	for _, statement := range statements {
		found := dumped{text: unqualified(statement.Text, namespace, qualifier)}
		found.tokens = sqltext.Tokens(engine.Postgres, found.text, len(found.text))
		if found.setting() {
			continue
		}
		owner := found.object()
		if owner == "" {
			unknown = append(unknown, firstLine(found.text))
		}
		if table := owners[owner]; table != "" {
			owner = table
		}
		entries = append(entries, entry{owner: owner, text: found.text, row: found.is("INSERT")})
	}
	if len(unknown) > 0 {
		return nil, &UnsupportedError{Objects: unknown}
	}
	sortRows(entries)
	return entries, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// ownersOf gives the tables of indexes and sequences.
func ownersOf(catalog *engine.Catalog) map[string]string {
	owners := map[string]string{}
	for _, object := range catalog.Objects {
		if object.Table != "" && (object.Type == "index" || object.Type == "sequence") {
			owners[relation(object.Name)] = relation(object.Table)
		}
	}
	return owners
}

// unqualified takes the schema's name out, also where a text stands for a name: before ::regclass, and in setval.
func unqualified(text, namespace, qualifier string) string {
	tokens := sqltext.Tokens(engine.Postgres, text, len(text))
	var result strings.Builder
	written := 0
	for i, token := range tokens {
		end := token.Offset + len(token.Text)
		switch {
		case token.Name == namespace && i+2 < len(tokens) && tokens[i+1].Text == "." && tokens[i+1].Offset == end && (i == 0 || tokens[i-1].Text != "."):
			result.WriteString(text[written:token.Offset])
			written = end + 1
		case strings.HasPrefix(token.Text, "'"+qualifier+".") && namesRelation(text[end:], tokens[:i]):
			result.WriteString(text[written:token.Offset] + "'")
			written = token.Offset + len("'"+qualifier+".")
		}
	}
	return result.String() + text[written:]
}

func namesRelation(after string, before []sqltext.Token) bool {
	last := len(before) - 1
	return strings.HasPrefix(after, "::regclass") || last > 0 && before[last].Text == "(" && before[last-1].Name == "setval"
}

// dumped is a statement that pg_dump wrote, without the schema's name.
type dumped struct {
	text   string
	tokens []sqltext.Token
}

func (d dumped) is(words ...string) bool {
	if len(d.tokens) < len(words) {
		return false
	}
	for i, word := range words {
		if !strings.EqualFold(d.tokens[i].Text, word) {
			return false
		}
	}
	return true
}

// setting reports whether a statement is about the session that would read the dump, or about the schema as a whole.
func (d dumped) setting() bool {
	return d.is("SET") || d.is("SELECT", "pg_catalog", ".", "set_config") ||
		d.is("CREATE", "SCHEMA") || d.is("COMMENT", "ON", "SCHEMA")
}

// object is what a statement belongs to, or "" when that is not known.
func (d dumped) object() string {
	rest := d.after(0, "CREATE", "ALTER", "OR", "REPLACE", "UNLOGGED", "UNIQUE", "CONSTRAINT", "MATERIALIZED", "INSERT", "REFRESH", "COMMENT", "ON", "SELECT")
	if rest >= len(d.tokens) {
		return ""
	}
	switch kind := strings.ToUpper(d.tokens[rest].Text); kind {
	case "TABLE", "VIEW", "SEQUENCE", "INTO":
		return relation(d.name(d.after(rest+1, "ONLY", "IF", "NOT", "EXISTS")))
	case "COLUMN":
		return relation(d.name(rest + 1))
	case "INDEX":
		if d.is("CREATE") {
			return d.on(rest)
		}
		return relation(d.name(rest + 1))
	case "TRIGGER":
		return d.on(rest)
	case "STATISTICS":
		return d.behind(rest, "FROM")
	case "FUNCTION", "PROCEDURE", "AGGREGATE":
		return routine(d.name(rest + 1))
	case "TYPE", "DOMAIN":
		return typeName(d.name(rest + 1))
	case "PG_CATALOG":
		if d.is("SELECT", "pg_catalog", ".", "setval", "(") && len(d.tokens) > 5 {
			return relation(unquoted(d.tokens[5].Text))
		}
	}
	if d.is("COMMENT", "ON", "CONSTRAINT") {
		return d.on(3)
	}
	return ""
}

// after is the index of the first token that is none of the words.
func (d dumped) after(index int, words ...string) int {
	for ; index < len(d.tokens); index++ {
		if !isOne(d.tokens[index], words) {
			break
		}
	}
	return index
}

func isOne(token sqltext.Token, words []string) bool {
	for _, word := range words {
		if !token.Quoted && strings.EqualFold(token.Text, word) {
			return true
		}
	}
	return false
}

func (d dumped) name(index int) string {
	if index >= len(d.tokens) {
		return ""
	}
	return d.tokens[index].Name
}

func (d dumped) on(begin int) string { return d.behind(begin, "ON") }

// behind is the table that is named behind a word.
func (d dumped) behind(begin int, word string) string {
	for i := begin + 1; i < len(d.tokens); i++ {
		if isOne(d.tokens[i], []string{word}) {
			return relation(d.name(d.after(i+1, "ONLY")))
		}
	}
	return ""
}

// unquoted is the name in a text such as 'a_seq' or '"A seq"'.
func unquoted(literal string) string {
	name := strings.ReplaceAll(strings.Trim(literal, "'"), "''", "'")
	if inner, quoted := strings.CutPrefix(name, `"`); quoted {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return name
}
