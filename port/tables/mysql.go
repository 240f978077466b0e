package tables

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
)

type mysqlDialect struct{}

func (mysqlDialect) quote(name string) string { return mysql.QuoteIdentifier(name) }

func (mysqlDialect) setUp(context.Context, engine.Session) error { return nil }

func (mysqlDialect) begin(ctx context.Context, session engine.Session) error {
	for _, statement := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := session.Exec(ctx, statement); err != nil {
			return fmt.Errorf("begin to read %s: %w", session.Name(), err)
		}
	}
	return nil
}

// describe uses SHOW, which knows temporary tables too.
func (d mysqlDialect) describe(ctx context.Context, from engine.Querier, names []string) (map[string]*table, error) {
	found := map[string]*table{}
	for _, name := range names {
		of := tableOf(found, name)
		err := eachNamed(ctx, from, "SHOW FULL COLUMNS FROM "+d.quote(name), func(row map[string]string) error {
			of.columns = append(of.columns, mysqlColumn(row))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the columns of %s: %w", name, err)
		}
		err = eachNamed(ctx, from, "SHOW INDEX FROM "+d.quote(name), func(row map[string]string) error {
			if row["Non_unique"] == "0" {
				part, _ := strconv.Atoi(row["Sub_part"]) // "" is all of it
				of.keys = addKey(of.keys, row["Key_name"], row["Key_name"] == "PRIMARY", row["Column_name"], part)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the keys of %s: %w", name, err)
		}
	}
	return found, nil
}

// eachNamed gives each row of a query as texts by the names of its columns; NULL is "".
func eachNamed(ctx context.Context, from engine.Querier, query string, take func(map[string]string) error) error {
	rows, err := from.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, places := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return err
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = values[i].String
		}
		if err := take(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

func mysqlColumn(row map[string]string) *column {
	c := &column{
		name: row["Field"], spelling: strings.TrimSpace(row["Type"] + " " + collationWords(row["Collation"])), notNull: row["Null"] == "NO",
		generated: strings.Contains(row["Extra"], "GENERATED") && !strings.Contains(row["Extra"], "DEFAULT_GENERATED"),
		counter:   strings.Contains(row["Extra"], "auto_increment"), collation: row["Collation"],
	}
	c.readMySQLType(row["Type"])
	if c.kind == text {
		c.readCollation(row["Collation"])
	}
	return c
}

func collationWords(collation string) string {
	if collation == "" {
		return ""
	}
	return "COLLATE " + collation
}

// readCollation refuses other character sets than utf8mb4, which not every text fits into.
func (c *column) readCollation(collation string) {
	switch {
	case !strings.HasPrefix(collation, "utf8mb4_"):
		c.kind = unknown
	case collation == "utf8mb4_0900_bin", collation == "utf8mb4_nopad_bin":
		c.equality = bytewise
	case collation == "utf8mb4_bin":
		c.equality = spaceless
	default:
		c.equality = ofCollation
	}
}

// The greatest lengths of MySQL's types in bytes (https://dev.mysql.com/doc/refman/8.0/en/storage-requirements.html).
const (
	tinyLength   = 1<<8 - 1
	plainLength  = 1<<16 - 1
	mediumLength = 1<<24 - 1
)

// readMySQLType reads a type as the server spells it, such as "bigint(20) unsigned".
func (c *column) readMySQLType(spelling string) {
	name, more, _ := strings.Cut(spelling, "(")
	arguments, _, _ := strings.Cut(more, ")")
	name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
	first, second, _ := strings.Cut(arguments, ",")
	length, _ := strconv.Atoi(first)
	scale, _ := strconv.Atoi(second)
	c.kind = map[string]kind{
		"tinyint": integer, "smallint": integer, "mediumint": integer, "int": integer, "bigint": integer, "float": real32, "double": real64,
		"decimal": decimal, "char": text, "varchar": text, "tinytext": text, "text": text, "mediumtext": text, "longtext": text, "binary": bytea,
		"varbinary": bytea, "tinyblob": bytea, "blob": bytea, "mediumblob": bytea, "longblob": bytea, "date": date, "time": clock,
		"datetime": timestamp, "timestamp": instant, "json": jsonValue,
	}[name]
	c.unsigned = strings.Contains(spelling, "unsigned")
	c.bits = map[string]int{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[name]
	c.narrow, c.padded, c.exact = name == "timestamp", name == "char", name == "binary"
	switch name {
	case "tinyint":
		if first == "1" && !c.unsigned {
			c.kind = small
		}
	case "char", "varchar", "binary", "varbinary":
		c.length = length
	case "tinytext", "tinyblob":
		c.octets = tinyLength
	case "text", "blob":
		c.octets = plainLength
	case "mediumtext", "mediumblob":
		c.octets = mediumLength
	case "decimal":
		c.precision, c.scale = length, scale
	case "time", "datetime", "timestamp":
		c.fraction = length
	case "float", "double":
		if arguments != "" { // float(7,4) rounds
			c.kind = unknown
		}
	}
}

func (mysqlDialect) holds(column *column, of kind) bool {
	switch of { //nolint:exhaustive // for the others the column's own kind is the common one
	case uuid, jsonText:
		return column.kind == text
	case text:
		return column.kind == text
	}
	return true
}

func (d mysqlDialect) expression(column *column, of kind) string {
	name := d.quote(column.name)
	switch {
	case column.kind == real32: // which is written with six digits otherwise
		return name + " + 0e0"
	case of == date, of == clock, of == timestamp, of == instant:
		return "CAST(" + name + " AS CHAR)"
	}
	return name
}

func (mysqlDialect) read(of kind, stored any) ([]byte, Class) {
	if stored == nil {
		return nil, ""
	}
	value := mysqlBytes(stored)
	if value == nil {
		return nil, wrong(of)
	}
	switch of { //nolint:exhaustive // the others are as they are to be
	case boolean:
		if string(value) != "0" && string(value) != "1" {
			return value, ClassNotBoolean
		}
	case real32:
		return narrowReal(value)
	case real64:
		return readReal(value, 64)
	case clock, timestamp, instant:
		return trimFraction(value), ""
	case text, jsonText, jsonValue, uuid:
		return value, checkUTF8(value)
	}
	return value, ""
}

// mysqlBytes is what the driver gives, as a text or bytes; nil for what it never gives.
func mysqlBytes(stored any) []byte {
	switch held := stored.(type) {
	case []byte:
		return append([]byte{}, held...)
	case string:
		return []byte(held)
	case int64:
		return strconv.AppendInt(nil, held, 10)
	case uint64:
		return strconv.AppendUint(nil, held, 10)
	case float32:
		return formatReal(float64(held), 32)
	case float64:
		return formatReal(held, 64)
	}
	return nil
}

// narrowReal reads the double that a value of 32 bits was widened to.
func narrowReal(value []byte) ([]byte, Class) {
	wide, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return value, ClassNotNumber
	}
	return formatReal(wide, 32), ""
}

func (mysqlDialect) accept(column *column, of kind, value []byte) Class {
	switch of { //nolint:exhaustive // a boolean is always one
	case integer:
		return acceptInteger(column, value)
	case real32, real64:
		if strings.HasSuffix(string(value), "Infinity") || string(value) == "NaN" {
			return ClassRange
		}
		return acceptReal(column, value)
	case decimal:
		return acceptDecimal(column, value)
	case text, jsonText, jsonValue, uuid:
		return acceptMySQLText(column, value)
	case bytea:
		return acceptBytes(column, value)
	case date, clock, timestamp, instant:
		return acceptTime(column, of, value)
	}
	return ""
}

func acceptMySQLText(column *column, value []byte) Class {
	switch {
	case !utf8.Valid(value):
		return ClassUTF8
	case column.length > 0 && utf8.RuneCount(value) > column.length, column.octets > 0 && len(value) > column.octets:
		return ClassTooLong
	case column.padded && bytes.HasSuffix(value, []byte(" ")):
		return ClassPadding
	case column.kind == jsonValue && !json.Valid(value):
		return ClassJSON
	}
	return ""
}

func acceptBytes(column *column, value []byte) Class {
	switch {
	case column.length > 0 && len(value) > column.length, column.octets > 0 && len(value) > column.octets:
		return ClassTooLong
	case column.exact && len(value) < column.length:
		return ClassPadding
	}
	return ""
}

// mysqlLast asks for what is true now: MySQL 8 keeps what it says for a day otherwise.
const mysqlLast = "SELECT coalesce(max(AUTO_INCREMENT), 1) - 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?"

func (mysqlDialect) last(ctx context.Context, from engine.Querier, table string, _ *column) (int64, error) {
	known := false
	err := eachNamed(ctx, from, "SHOW VARIABLES LIKE 'information_schema_stats_expiry'", func(map[string]string) error {
		known = true
		return nil
	})
	if err != nil {
		return 0, err
	}
	if known {
		if _, err := from.Exec(ctx, "SET SESSION information_schema_stats_expiry = 0"); err != nil {
			return 0, err
		}
	}
	var last int64
	err = from.QueryRow(ctx, mysqlLast, table).Scan(&last)
	return last, err
}

const otherStorage = "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND ENGINE <> 'InnoDB'"

// check looks for tables of which no snapshot can be read.
func (mysqlDialect) check(ctx context.Context, from engine.Querier, names []string) ([]Problem, error) {
	var others []string
	err := engine.Each(ctx, from, otherStorage, nil, func(scan func(...any) error) error {
		var name, storage string
		err := scan(&name, &storage)
		if slices.Contains(names, name) {
			others = append(others, name+" ("+storage+")")
		}
		return err
	})
	if err != nil || len(others) == 0 {
		return nil, err
	}
	return []Problem{{
		ID: StorageEngine, What: "tables of the source are not kept by InnoDB, so that they cannot be read in one state: " + engine.List(others),
		Hint: "ALTER TABLE … ENGINE=InnoDB for each of them",
	}}, nil
}
