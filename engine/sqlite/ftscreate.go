package sqlite

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// fullTextTable is a CREATE VIRTUAL TABLE of FTS3 or FTS4, read as the module reads it (https://sqlite.org/fts3.html).
type fullTextTable struct {
	name        string
	ifNotExists bool
	declaration string // as SQLite keeps it in sqlite_schema
	four        bool   // FTS4
	columns     []string
	sizes       bool // it keeps the size of each document
	languages   bool // it keeps the language of each document
}

// parseFullTextTable gives nil for every other statement.
func parseFullTextTable(statement string) (*fullTextTable, error) {
	tokens := trimEnd(scan(statement))
	if !startsWith(tokens, "create", "virtual", "table") {
		return nil, nil //nolint:nilnil // no table and no error: the statement is another one
	}
	table := &fullTextTable{sizes: true}
	rest := tokens[3:]
	if table.ifNotExists = startsWith(rest, "if", "not", "exists"); table.ifNotExists {
		rest = rest[3:]
	}
	if len(rest) > 2 && rest[1].text == "." && strings.EqualFold(unquote(rest[0].text), "main") {
		rest = rest[2:]
	}
	if len(rest) < 3 || !strings.EqualFold(rest[1].text, "using") {
		return nil, nil //nolint:nilnil // SQLite tells what is wrong with it
	}
	module := strings.ToLower(unquote(rest[2].text))
	if module != "fts3" && module != "fts4" {
		return nil, nil //nolint:nilnil // a module that SQLite has, or one that nobody has
	}
	table.name, table.four = unquote(rest[0].text), module == "fts4"
	table.declaration = "CREATE VIRTUAL TABLE " + statement[rest[0].start:tokens[len(tokens)-1].end]
	return table, table.read(statement, rest[3:])
}

// read reads what stands behind the module's name.
func (f *fullTextTable) read(statement string, tokens []token) error {
	if len(tokens) > 0 && (tokens[0].text != "(" || !closesAtEnd(tokens)) {
		return f.refuse("what stands behind the module's name is no list in parentheses", "")
	}
	late := []func() error{f.checkColumns} // what can be judged only when all columns are known
	tokenized := false
	for _, argument := range split(tokens) {
		text := statement[argument[0].start:argument[len(argument)-1].end]
		var err error
		switch {
		case !tokenized && isTokenizer(text):
			tokenized = true
			err = f.checkTokenizer(text[len("tokenize")+1:])
		case f.four && strings.Contains(text, "="):
			var check func() error
			check, err = f.option(text)
			late = append(late, check)
		default:
			err = f.addColumn(argument[0].text)
		}
		if err != nil {
			return err
		}
	}
	if len(f.columns) == 0 {
		f.columns = []string{"content"}
	}
	for _, check := range late {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (f *fullTextTable) addColumn(word string) error {
	name := unquote(word)
	if name == "" || !isWord(word[0]) && name == word {
		return f.refuse("a column has no name", "begin each column with its name")
	}
	f.columns = append(f.columns, name)
	return nil
}

// isTokenizer follows the module: the word, and one sign that could not be part of it.
func isTokenizer(argument string) bool {
	const word = "tokenize"
	return len(argument) > len(word) && strings.EqualFold(argument[:len(word)], word) && !isWord(argument[len(word)])
}

var unicodeArgument = regexp.MustCompile(`^(remove_diacritics=[012]|(tokenchars|separators)=.*)$`)

// checkTokenizer lets only those pass that every SQLite with FTS4 has.
func (f *fullTextTable) checkTokenizer(text string) error {
	var words []string
	for _, word := range scan(text) {
		if isWord(word.text[0]) || unquote(word.text) != word.text {
			words = append(words, unquote(word.text))
		}
	}
	odd := func(argument string) bool { return !unicodeArgument.MatchString(argument) }
	if len(words) == 0 || !slices.Contains([]string{"simple", "porter", "unicode61"}, words[0]) || words[0] == "unicode61" && slices.ContainsFunc(words[1:], odd) {
		return f.refuse("its tokenizer is not one that every SQLite has: "+strings.TrimSpace(text), "use simple, porter or unicode61")
	}
	return nil
}

var prefixList = regexp.MustCompile(`^[0-9]+(,[0-9]+)*$`)

// option reads an option of FTS4; check is for the time when all columns are known.
func (f *fullTextTable) option(text string) (check func() error, err error) {
	key, value, _ := strings.Cut(text, "=")
	key, value = strings.ToLower(key), unquote(value)
	good := func() error { return nil }
	is := func(allowed ...string) bool {
		return slices.ContainsFunc(allowed, func(one string) bool { return strings.EqualFold(one, value) })
	}
	switch {
	case key == "matchinfo" && is("fts3"):
		f.sizes = false
		return good, nil
	case key == "order" && is("asc", "desc"), key == "prefix" && prefixList.MatchString(value):
		return good, nil
	case key == "languageid" && value != "":
		f.languages = true
		return func() error { return f.mustBeNew(value) }, nil
	case key == "notindexed":
		return func() error { return f.mustBeColumn(value) }, nil
	case key == "content", key == "compress", key == "uncompress":
		return nil, f.refuse("the option "+key+" needs the module itself", "leave the option out, or make the table with a program that has the module")
	}
	return nil, f.refuse(fmt.Sprintf("FTS4 knows no option %s=%s", key, value), "see https://sqlite.org/fts3.html")
}

func (f *fullTextTable) mustBeColumn(name string) error {
	if slices.ContainsFunc(f.columns, func(column string) bool { return strings.EqualFold(column, name) }) {
		return nil
	}
	return f.refuse("it has no column "+name, "name one of its columns")
}

// mustBeNew refuses a hidden column of the name of another.
func (f *fullTextTable) mustBeNew(name string) error {
	if f.mustBeColumn(name) == nil || strings.EqualFold(name, f.name) || strings.EqualFold(name, "docid") {
		return f.refuse("the name "+name+" stands for two columns", "choose another name")
	}
	return nil
}

// checkColumns knows that the table has hidden columns of its own name and for the row's number.
func (f *fullTextTable) checkColumns() error {
	taken := []string{strings.ToLower(f.name), "docid"}
	for _, column := range f.columns {
		lower := strings.ToLower(column)
		if slices.Contains(taken, lower) {
			return f.refuse("the name "+column+" stands for two columns", "choose another name")
		}
		taken = append(taken, lower)
	}
	return nil
}

func (f *fullTextTable) refuse(problem, hint string) error {
	return &engine.Error{Op: "make the full-text table", Object: f.name, Err: errors.New(problem), Hint: hint}
}

// shadows are the statements of the tables in which the module keeps its data, in its own order and spelling.
func (f *fullTextTable) shadows() []string {
	columns := []string{"docid INTEGER PRIMARY KEY"}
	for i, column := range f.columns {
		columns = append(columns, fmt.Sprintf("'c%d%s'", i, doubled(column)))
	}
	if f.languages {
		columns = append(columns, "langid")
	}
	shadows := []string{
		f.shadow("content", strings.Join(columns, ", ")),
		f.shadow("segments", "blockid INTEGER PRIMARY KEY, block BLOB"),
		f.shadow("segdir", "level INTEGER,idx INTEGER,start_block INTEGER,leaves_end_block INTEGER,end_block INTEGER,root BLOB,PRIMARY KEY(level, idx)"),
	}
	if f.four && f.sizes {
		shadows = append(shadows, f.shadow("docsize", "docid INTEGER PRIMARY KEY, size BLOB"))
	}
	if f.four {
		shadows = append(shadows, f.shadow("stat", "id INTEGER PRIMARY KEY, value BLOB"))
	}
	return shadows
}

func (f *fullTextTable) shadow(suffix, columns string) string {
	return fmt.Sprintf("CREATE TABLE '%s_%s'(%s)", doubled(f.name), suffix, columns)
}

// doubled is a text for use between single quotes, which the module puts around its names; SQLite keeps them as they are
// written, so QuoteIdentifier would leave another sqlite_schema behind.
func doubled(text string) string { return strings.ReplaceAll(text, "'", "''") }

func startsWith(tokens []token, words ...string) bool {
	if len(tokens) < len(words) {
		return false
	}
	for i, word := range words {
		if !strings.EqualFold(tokens[i].text, word) {
			return false
		}
	}
	return true
}

// trimEnd leaves out the semicolons at the end of a statement.
func trimEnd(tokens []token) []token {
	for len(tokens) > 0 && tokens[len(tokens)-1].text == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

// closesAtEnd reports whether the parenthesis that the first token opens is closed by the last one.
func closesAtEnd(tokens []token) bool {
	first := slices.IndexFunc(tokens, func(t token) bool { return t.text == ")" && t.depth == tokens[0].depth })
	return first == len(tokens)-1
}
