package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// NoContentError reports a full-text table that stores none of the text it was given, so that there is nothing to read.
type NoContentError struct {
	Table string
	Why   string
}

// Error names the table and the reason.
func (e *NoContentError) Error() string {
	return fmt.Sprintf("read the content of %s: %s; leave the table out, its index can be built again from its source", e.Table, e.Why)
}

// FTSContent tells where a full-text table (FTS3, FTS4, FTS5) keeps what was put into it, so that it can be read
// without the module: the table, and for each declared column the column of it. The row's number is there
// under "docid" for FTS3 and FTS4, under "rowid" for FTS5.
func (r *Reader) FTSContent(ctx context.Context, table string) (contentTable string, columns map[string]string, err error) {
	table, sql, err := r.declaration(ctx, table)
	if err != nil {
		return "", nil, err
	}
	declared, err := parseFullText(table, sql)
	if err != nil {
		return "", nil, err
	}
	contentTable, columns = declared.layout(table)
	return contentTable, columns, r.checkContent(ctx, table, contentTable, columns)
}

const declarationQuery = `SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`

// declaration returns the statement that made a table, and the name as it stands there.
func (r *Reader) declaration(ctx context.Context, table string) (name, sql string, err error) {
	err = r.each(ctx, declarationQuery, []any{table}, func(rows *Rows) { name, sql = rows.text(0), rows.text(1) })
	if err == nil && name == "" {
		err = fmt.Errorf("there is no such table in %s", r.path)
	}
	if err != nil {
		return "", "", fmt.Errorf("read the declaration of %s: %w", table, err)
	}
	return name, sql, nil
}

// checkContent makes sure that the file is laid out as the declaration promises.
func (r *Reader) checkContent(ctx context.Context, table, contentTable string, columns map[string]string) error {
	found, err := r.tableColumns(ctx, contentTable)
	if err != nil {
		return fmt.Errorf("list the columns of %s: %w", contentTable, err)
	}
	content := Table{Columns: found}
	for _, column := range columns {
		if !content.hasColumn(column) && column != "rowid" {
			return &NoContentError{Table: table, Why: fmt.Sprintf("its content table %s has no column %s", contentTable, column)}
		}
	}
	return nil
}

// fullText is the declaration of a full-text table.
type fullText struct {
	module  string
	columns []string
	options map[string]string // by lower-case name
}

func parseFullText(table, sql string) (fullText, error) {
	module, arguments := declaredModule(sql)
	declared := fullText{module: module, options: map[string]string{}}
	switch module {
	case "fts3", "fts4", "fts5":
	default:
		return declared, fmt.Errorf("read the content of %s: it is no full-text table (FTS3, FTS4, FTS5)", table)
	}
	for _, argument := range arguments {
		declared.add(argument)
	}
	if len(declared.columns) == 0 && module != "fts5" && declared.options["content"] == "" {
		declared.columns = []string{"content"} // what FTS3 and FTS4 call the column that nobody named
	}
	return declared, declared.refuse(table)
}

func (f *fullText) add(argument []token) {
	name := unquote(argument[0].text)
	tokenizer := f.module != "fts5" && strings.EqualFold(argument[0].text, "tokenize")
	if len(argument) > 1 && argument[1].text == "=" || tokenizer {
		f.options[strings.ToLower(name)] = optionValue(argument)
		return
	}
	f.columns = append(f.columns, name)
}

func optionValue(argument []token) string {
	if len(argument) < 3 {
		return ""
	}
	return unquote(argument[2].text)
}

func (f *fullText) refuse(table string) error {
	if content, given := f.options["content"]; given && content == "" {
		return &NoContentError{Table: table, Why: "it was declared contentless"}
	}
	if f.options["compress"] != "" {
		return &NoContentError{Table: table, Why: "it compresses its content with a function of its server"}
	}
	return nil
}

// layout names the content table and its columns. An external content table has the columns of the full-text table.
func (f *fullText) layout(table string) (contentTable string, columns map[string]string) {
	external := f.options["content"] != ""
	columns = map[string]string{}
	for i, name := range f.columns {
		switch {
		case external:
			columns[name] = name
		case f.module == "fts5":
			columns[name] = "c" + strconv.Itoa(i)
		default:
			columns[name] = "c" + strconv.Itoa(i) + name
		}
	}
	number, numberColumn := "docid", "docid"
	if f.module == "fts5" {
		number, numberColumn = "rowid", "id"
	}
	if !external {
		columns[number] = numberColumn
		return table + "_content", columns
	}
	columns[number] = "rowid"
	if column := f.options["content_rowid"]; column != "" {
		columns[number] = column
	}
	return f.options["content"], columns
}

// declaredModule returns the module of CREATE VIRTUAL TABLE, in lower case, and its arguments, each as its tokens.
// The module is empty for any other statement.
func declaredModule(sql string) (module string, arguments [][]token) {
	tokens := scan(sql)
	if len(tokens) < 6 || !strings.EqualFold(tokens[0].text, "create") || !strings.EqualFold(tokens[1].text, "virtual") {
		return "", nil
	}
	for i := 3; i+1 < len(tokens); i++ {
		if strings.EqualFold(tokens[i].text, "using") {
			return strings.ToLower(unquote(tokens[i+1].text)), split(tokens[i+2:])
		}
	}
	return "", nil
}

// split cuts the tokens of a parenthesis into its arguments.
func split(tokens []token) [][]token {
	var arguments [][]token
	var current []token
	for _, next := range tokens {
		if next.depth == 0 || next.depth == 1 && next.text == "," {
			if len(current) > 0 {
				arguments = append(arguments, current)
			}
			current = nil
			continue
		}
		current = append(current, next)
	}
	return arguments
}
