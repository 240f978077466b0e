package tables

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

type postgresDialect struct{}

func (postgresDialect) quote(name string) string { return postgres.QuoteIdentifier(name) }

// setUp has values written in forms that say everything, whatever the database's settings: doubles are rounded by default before PostgreSQL 12.
func (postgresDialect) setUp(ctx context.Context, session engine.Session) error {
	for _, statement := range []string{"SET datestyle = 'ISO, YMD'", "SET extra_float_digits = 3", "SET bytea_output = 'hex'", "SET synchronous_commit = on"} {
		if _, err := session.Exec(ctx, statement); err != nil {
			return fmt.Errorf("set up the session of %s: %w", session.Name(), err)
		}
	}
	return nil
}

func (postgresDialect) begin(ctx context.Context, session engine.Session) error {
	for _, statement := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SELECT 1"} {
		if _, err := session.Exec(ctx, statement); err != nil {
			return fmt.Errorf("begin to read %s: %w", session.Name(), err)
		}
	}
	return nil
}

// postgresColumns reads rows of the catalog as JSON where a key is missing in old versions.
const postgresColumns = `SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), t.typname::text, a.atttypmod, a.attnotnull,
	coalesce(to_jsonb(a)->>'attgenerated', '') <> '', a.attidentity <> '' OR pg_get_serial_sequence(c.oid::regclass::text, a.attname) IS NOT NULL,
	coalesce(to_jsonb(l)->>'collisdeterministic', 'true') = 'true'
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
	AND c.relname = ANY (string_to_array(?, chr(10)))
ORDER BY c.relname, a.attnum`

// postgresKeys leaves out partial indexes and those on expressions, which are no keys of their columns.
const postgresKeys = `SELECT t.relname::text, c.relname::text, i.indisprimary, i.indisunique, m.amname = 'btree', a.attname::text
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_am AS m ON m.oid = c.relam,
	LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) JOIN pg_attribute AS a ON a.attnum = k.number
WHERE a.attrelid = t.oid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= coalesce((to_jsonb(i)->>'indnkeyatts')::int, i.indnatts)
	AND t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND t.relname = ANY (string_to_array(?, chr(10)))
ORDER BY t.relname, NOT i.indisprimary, c.relname, k.place`

func (postgresDialect) describe(ctx context.Context, from engine.Querier, names []string) (map[string]*table, error) {
	found := map[string]*table{}
	list := strings.Join(names, "\n")
	err := engine.Each(ctx, from, postgresColumns, []any{list}, func(scan func(...any) error) error {
		var name, typeName string
		var modifier int
		var deterministic bool
		c := &column{}
		err := scan(&name, &c.name, &c.spelling, &typeName, &modifier, &c.notNull, &c.generated, &c.counter, &deterministic)
		c.readPostgresType(typeName, modifier)
		if !deterministic {
			c.kind = unknown // different texts may be equal
		}
		tableOf(found, name).columns = append(tableOf(found, name).columns, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns: %w", err)
	}
	err = engine.Each(ctx, from, postgresKeys, []any{list}, func(scan func(...any) error) error {
		var name, keyName, columnName string
		var primary, unique, tree bool
		err := scan(&name, &keyName, &primary, &unique, &tree, &columnName)
		of := found[name]
		if of == nil { // a partition
			return err
		}
		if unique {
			of.keys = addKey(of.keys, keyName, primary, columnName, 0)
		}
		if tree {
			of.trees = addKey(of.trees, keyName, primary, columnName, 0)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return found, nil
}

// What pg_attribute.atttypmod adds to a length, and how it holds the digits of a numeric.
const (
	lengthHeader  = 4
	scaleBits     = 0x7ff
	precisionBits = 0xffff
	microseconds  = 6
)

// readPostgresType reads the name of a type in pg_type and the modifier of a column.
func (c *column) readPostgresType(name string, modifier int) {
	c.kind = map[string]kind{
		"bool": boolean, "int2": integer, "int4": integer, "int8": integer, "float4": real32, "float8": real64, "numeric": decimal,
		"text": text, "varchar": text, "bpchar": text, "bytea": bytea, "date": date, "time": clock, "timestamp": timestamp, "timestamptz": instant,
		"json": jsonText, "jsonb": jsonValue, "uuid": uuid,
	}[name]
	c.bits = map[string]int{"int2": 16, "int4": 32, "int8": 64}[name]
	c.fraction = microseconds
	switch {
	case modifier < 0:
	case c.kind == text:
		c.length = modifier - lengthHeader
	case c.kind == decimal:
		c.precision, c.scale = (modifier-lengthHeader)>>16&precisionBits, (modifier-lengthHeader)&scaleBits
		if c.scale > scaleBits/2 { // a scale below 0
			c.kind = unknown
		}
	default:
		c.fraction = modifier
	}
	c.padded = name == "bpchar"
	if c.padded {
		c.equality = spaceless
	}
}

func (postgresDialect) holds(column *column, of kind) bool {
	switch of { //nolint:exhaustive // for the others the column's own kind is the common one
	case text:
		return column.kind == text || column.kind == jsonText || column.kind == uuid
	case instant:
		return column.kind == instant || column.kind == timestamp
	}
	return true
}

func (d postgresDialect) expression(column *column, of kind) string {
	name := d.quote(column.name)
	switch {
	case of == bytea:
		return name
	case column.kind == instant:
		return "(" + name + " AT TIME ZONE 'UTC')::text"
	case column.kind == boolean:
		return name + "::int::text"
	}
	return name + "::text"
}

func (postgresDialect) read(of kind, stored any) ([]byte, Class) {
	var value []byte
	switch held := stored.(type) {
	case nil:
		return nil, ""
	case string:
		value = []byte(held)
	case []byte:
		value = append([]byte{}, held...)
	default:
		return nil, wrong(of)
	}
	switch of { //nolint:exhaustive // the others are as they are to be
	case real32:
		return readReal(value, 32)
	case real64:
		return readReal(value, 64)
	}
	return value, ""
}

func (postgresDialect) accept(column *column, of kind, value []byte) Class {
	switch of { //nolint:exhaustive // a boolean is always one, and so are bytes
	case integer:
		return acceptInteger(column, value)
	case real32, real64:
		return acceptReal(column, value)
	case decimal:
		return acceptDecimal(column, value)
	case text, jsonText, jsonValue, uuid:
		return acceptPostgresText(column, value)
	case date, clock, timestamp, instant:
		return acceptTime(column, of, value)
	}
	return ""
}

func acceptPostgresText(column *column, value []byte) Class {
	switch {
	case !utf8.Valid(value):
		return ClassUTF8
	case bytes.IndexByte(value, 0) >= 0:
		return ClassNUL
	case column.length > 0 && utf8.RuneCount(value) > column.length:
		return ClassTooLong
	case column.padded && bytes.HasSuffix(value, []byte(" ")):
		return ClassPadding
	}
	switch column.kind { //nolint:exhaustive // the others are plain texts
	case jsonText, jsonValue:
		return acceptJSON(column, value)
	case uuid:
		if !isUUID(value) {
			return ClassNotUUID
		}
	}
	return ""
}

func acceptJSON(column *column, value []byte) Class {
	if !json.Valid(value) {
		return ClassJSON
	}
	if column.kind == jsonValue {
		return checkEscapes(value)
	}
	return ""
}

// isUUID reports whether a text is as PostgreSQL writes a UUID.
func isUUID(value []byte) bool {
	groups := strings.Split(string(value), "-")
	if len(groups) != 5 {
		return false
	}
	for i, length := range []int{8, 4, 4, 4, 12} {
		if len(groups[i]) != length || strings.Trim(groups[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return true
}

func acceptInteger(column *column, value []byte) Class {
	if column.kind == decimal {
		return acceptDecimal(column, value)
	}
	var err error
	if column.unsigned {
		_, err = strconv.ParseUint(string(value), 10, column.bits)
	} else {
		_, err = strconv.ParseInt(string(value), 10, column.bits)
	}
	if err != nil {
		return ClassRange
	}
	return ""
}

// acceptReal takes a double that 32 bits hold where the column has no more.
func acceptReal(column *column, value []byte) Class {
	if column.kind != real32 {
		return ""
	}
	wide, _ := strconv.ParseFloat(string(value), 64)
	if float := float64(float32(wide)); float != wide && string(value) != string(formatReal(wide, 32)) && string(value) != "NaN" {
		return ClassPrecision
	}
	return ""
}

// acceptDecimal takes a decimal of which no digit is lost.
func acceptDecimal(column *column, value []byte) Class {
	if !isDecimal(value) {
		return ClassNotNumber
	}
	whole, parts := digitsOf(value)
	switch {
	case column.kind != decimal && parts > 0:
		return ClassPrecision
	case column.kind != decimal:
		return acceptInteger(column, plainDecimal(value))
	case column.precision > 0 && parts > column.scale:
		return ClassPrecision
	case column.precision > 0 && whole > column.precision-column.scale:
		return ClassRange
	}
	return ""
}

func (d postgresDialect) last(ctx context.Context, from engine.Querier, table string, column *column) (int64, error) {
	var sequence string
	if err := from.QueryRow(ctx, "SELECT pg_get_serial_sequence(?, ?)", d.quote(table), column.name).Scan(&sequence); err != nil {
		return 0, err
	}
	var last int64
	err := from.QueryRow(ctx, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "+sequence).Scan(&last)
	return last, err
}

// check finds nothing: PostgreSQL keeps what it promises.
func (postgresDialect) check(context.Context, engine.Querier, []string) ([]Problem, error) {
	return nil, nil
}
