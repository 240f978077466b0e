package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

type sqliteDialect struct{}

func (sqliteDialect) quote(name string) string { return sqlite.QuoteIdentifier(name) }

func (sqliteDialect) setUp(context.Context, engine.Session) error { return nil }

// begin needs a first query: only that takes the snapshot.
func (sqliteDialect) begin(ctx context.Context, session engine.Session) error {
	if _, err := session.Exec(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("begin to read %s: %w", session.Name(), err)
	}
	var count int
	if err := session.QueryRow(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&count); err != nil {
		return fmt.Errorf("begin to read %s: %w", session.Name(), err)
	}
	return nil
}

const sqliteColumns = `SELECT s.name, c.name, c.type, c."notnull", c.hidden, c.pk, upper(s.sql) LIKE '%AUTOINCREMENT%'
FROM sqlite_schema AS s JOIN pragma_table_xinfo(s.name, 'main') AS c
WHERE s.type = 'table' AND s.name IN (SELECT value FROM json_each(?)) AND c.hidden <> 1 ORDER BY s.name, c.cid`

// sqliteKeys leaves out partial indexes and those on expressions, which are no keys of their columns.
const sqliteKeys = `SELECT s.name, i.name, i.origin = 'pk', c.name, c.coll
FROM sqlite_schema AS s JOIN pragma_index_list(s.name, 'main') AS i JOIN pragma_index_xinfo(i.name, 'main') AS c
WHERE s.type = 'table' AND s.name IN (SELECT value FROM json_each(?)) AND i."unique" AND NOT i.partial AND c.key
	AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(i.name, 'main') AS x WHERE x.key AND x.name IS NULL)
ORDER BY s.name, i.origin <> 'pk', i.name, c.seqno`

func (d sqliteDialect) describe(ctx context.Context, from engine.Querier, names []string) (map[string]*table, error) {
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	found := map[string]*table{}
	if err := d.columns(ctx, from, string(list), found); err != nil {
		return nil, fmt.Errorf("read the columns: %w", err)
	}
	if err := d.keys(ctx, from, string(list), found); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return found, nil
}

func (sqliteDialect) columns(ctx context.Context, from engine.Querier, names string, found map[string]*table) error {
	return engine.Each(ctx, from, sqliteColumns, []any{names}, func(scan func(...any) error) error {
		var name string
		var hidden, place int
		var counts bool
		c := &column{kind: anything}
		err := scan(&name, &c.name, &c.spelling, &c.notNull, &hidden, &place, &counts)
		c.affinity, c.generated = affinityOf(c.spelling), hidden > 1
		c.counter = counts && place == 1
		of := tableOf(found, name)
		of.columns = append(of.columns, c)
		if place == 1 && c.affinity == integerAffinity {
			of.keys = []key{{name: rowKey, primary: true, columns: []string{c.name}, parts: []int{0}}}
		}
		return err
	})
}

func (sqliteDialect) keys(ctx context.Context, from engine.Querier, names string, found map[string]*table) error {
	return engine.Each(ctx, from, sqliteKeys, []any{names}, func(scan func(...any) error) error {
		var name, keyName, columnName, collation string
		var primary bool
		err := scan(&name, &keyName, &primary, &columnName, &collation)
		of := tableOf(found, name)
		if primary && len(of.keys) == 1 && of.keys[0].name == rowKey { // the first of several columns
			of.keys = nil
		}
		of.keys = addKey(of.keys, keyName, primary, columnName, 0)
		if c := of.column(columnName); c != nil {
			c.equality = max(c.equality, map[string]equality{"NOCASE": caseless, "RTRIM": spaceless}[strings.ToUpper(collation)])
		}
		return err
	})
}

// rowKey names the key that is a table's number of rows, for which there is no index.
const rowKey = "PRIMARY KEY"

func tableOf(found map[string]*table, name string) *table {
	if found[name] == nil {
		found[name] = &table{name: name}
	}
	return found[name]
}

// affinityOf reads a declared type (https://www.sqlite.org/datatype3.html#determination_of_column_affinity).
func affinityOf(declared string) affinity {
	declared = strings.ToUpper(declared)
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(declared, word) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return integerAffinity
	case has("CHAR", "CLOB", "TEXT"):
		return textAffinity
	case declared == "", has("BLOB"):
		return noAffinity
	case has("REAL", "FLOA", "DOUB"): //nolint:misspell // so SQLite looks for it
		return realAffinity
	}
	return numericAffinity
}

func (sqliteDialect) holds(column *column, of kind) bool {
	switch of { //nolint:exhaustive // the others go into any column
	case boolean, integer:
		return column.affinity != textAffinity && column.affinity != realAffinity
	case real32, real64:
		return column.affinity != textAffinity
	}
	return true
}

// expression hides the declared type from the driver, which would make other values of dates and booleans.
func (d sqliteDialect) expression(column *column, _ kind) string { return "+" + d.quote(column.name) }

func (sqliteDialect) read(of kind, stored any) ([]byte, Class) {
	switch value := stored.(type) {
	case nil:
		return nil, ""
	case int64:
		return readInteger(of, value)
	case float64:
		return readDouble(of, value)
	case string:
		return readText(of, []byte(value))
	case []byte:
		switch of { //nolint:exhaustive // nothing else takes bytes
		case anything:
			return append([]byte{blobClass}, value...), ""
		case bytea:
			return append([]byte{}, value...), ""
		}
		return append([]byte{}, value...), wrong(of)
	}
	return nil, wrong(of)
}

// wrong is what is the matter with a value of another class than the kind's.
func wrong(of kind) Class {
	switch of { //nolint:exhaustive // the others are texts
	case boolean:
		return ClassNotBoolean
	case integer:
		return ClassNotInteger
	case real32, real64, decimal:
		return ClassNotNumber
	case bytea:
		return ClassNotBytes
	case date, clock, timestamp, instant:
		return ClassNotTime
	}
	return ClassNotText
}

func readInteger(of kind, value int64) ([]byte, Class) {
	digits := strconv.AppendInt(nil, value, 10)
	switch of { //nolint:exhaustive // the others take no integers
	case anything:
		return append([]byte{integerClass}, digits...), ""
	case boolean:
		if value != 0 && value != 1 {
			return digits, ClassNotBoolean
		}
		return digits, ""
	case integer, decimal:
		return digits, ""
	case real32, real64:
		if float := float64(value); float < 1<<63 && int64(float) == value {
			return readDouble(of, float)
		}
		return digits, ClassPrecision
	case jsonText, jsonValue: // of a column that makes a number of it
		return digits, ""
	}
	return digits, wrong(of)
}

func readDouble(of kind, value float64) ([]byte, Class) {
	written := formatReal(value, 64)
	switch of { //nolint:exhaustive // the others take no doubles
	case anything:
		return strconv.AppendUint([]byte{realClass}, math.Float64bits(value), 16), ""
	case real64:
		return written, ""
	case real32:
		if float64(float32(value)) != value {
			return written, ClassPrecision
		}
		return formatReal(value, 32), ""
	case decimal:
		if math.IsInf(value, 0) {
			return written, ClassNotNumber
		}
		return strconv.AppendFloat(nil, value, 'f', -1, 64), ""
	}
	return written, wrong(of)
}

func readText(of kind, value []byte) ([]byte, Class) {
	switch of { //nolint:exhaustive // the others take no texts
	case anything:
		return append([]byte{textClass}, value...), ""
	case text, jsonText, jsonValue, uuid:
		return value, checkUTF8(value)
	case decimal:
		if !isDecimal(value) {
			return value, ClassNotNumber
		}
		return value, ""
	case date, clock, timestamp, instant:
		return readTime(of, value)
	}
	return value, wrong(of)
}

func (sqliteDialect) accept(column *column, of kind, value []byte) Class {
	switch of { //nolint:exhaustive // SQLite takes whatever the others are
	case boolean, integer:
		if _, err := strconv.ParseInt(string(value), 10, 64); err != nil {
			return ClassRange
		}
	case real32, real64:
		if string(value) == "NaN" || string(value) == "-0" { // NULL and 0 would be stored
			return ClassRange
		}
	case decimal:
		return acceptDecimalText(column, value)
	case text, jsonText, jsonValue:
		if column.affinity != textAffinity && column.affinity != noAffinity && likeNumber.Match(value) {
			return ClassLikeNumber
		}
	}
	return ""
}

// likeNumber is a text that SQLite makes a number of in a column of numbers.
var likeNumber = regexp.MustCompile(`^[ \t\n\v\f\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*$`)

// sqliteDigits are those of a decimal that SQLite's numbers keep.
const sqliteDigits = 15

// acceptDecimalText takes a decimal that a column either keeps as a text or makes the same number of.
func acceptDecimalText(column *column, value []byte) Class {
	if !isDecimal(value) {
		return ClassNotNumber
	}
	if whole, parts := digitsOf(value); whole+parts > sqliteDigits && column.affinity != textAffinity && column.affinity != noAffinity {
		return ClassPrecision
	}
	return ""
}

func (sqliteDialect) last(ctx context.Context, from engine.Querier, table string, _ *column) (int64, error) {
	var last int64
	err := from.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", table).Scan(&last)
	return last, err
}

const sqliteBroken = `SELECT DISTINCT "table" || ' to ' || parent FROM pragma_foreign_key_check LIMIT 11`

// check looks for rows without the row that they refer to: SQLite keeps foreign keys only where a connection asks for it.
func (d sqliteDialect) check(ctx context.Context, from engine.Querier, _ []string) ([]Problem, error) {
	broken, err := d.brokenKeys(ctx, from)
	if err != nil || len(broken) == 0 {
		return nil, err
	}
	return []Problem{{
		ID: ForeignKeys, What: "rows of the source refer to rows that are not there: from " + engine.List(broken),
		Hint: "delete them or put them right; PRAGMA foreign_key_check lists them",
	}}, nil
}

func (sqliteDialect) brokenKeys(ctx context.Context, from engine.Querier) (broken []string, err error) {
	err = engine.Each(ctx, from, sqliteBroken, nil, func(scan func(...any) error) error {
		var pair string
		err := scan(&pair)
		broken = append(broken, pair)
		return err
	})
	return broken, err
}
