package mysql

import (
	"context"
	"strings"
)

// The makers differ in how they call an index that is not used, and in whether an index may be on an expression.
const (
	indexesOfMariaDBSQL = `SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, IF(IGNORED = 'YES', 'IGNORED', ''), INDEX_COMMENT,
		COLUMN_NAME, SUB_PART, COLLATION, '' FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() ORDER BY CAST(TABLE_NAME AS BINARY), CAST(INDEX_NAME AS BINARY), SEQ_IN_INDEX`
	indexesOfMySQLSQL = `SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, INDEX_TYPE, IF(IS_VISIBLE = 'NO', 'INVISIBLE', ''), INDEX_COMMENT,
		COLUMN_NAME, SUB_PART, COLLATION, EXPRESSION FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = DATABASE() ORDER BY CAST(TABLE_NAME AS BINARY), CAST(INDEX_NAME AS BINARY), SEQ_IN_INDEX`
)

// indexes lists the indexes and the primary keys.
func (d *description) indexes(ctx context.Context) error {
	query := indexesOfMySQLSQL
	if d.session.info.MariaDB {
		query = indexesOfMariaDBSQL
	}
	var groups []list
	err := d.each(ctx, query, func(row []string) error {
		groups = grouped(groups, row[1], row[0], indexElement(row[6:]), row[2:6]...)
		return nil
	})
	for _, index := range groups {
		d.addIndex(index)
	}
	return err
}

func (d *description) addIndex(index list) {
	notUnique, method, unused, comment := index.rest[0] == "1", index.rest[1], index.rest[2], index.rest[3]
	if comment != "" {
		comment = "COMMENT " + quoteText(comment)
	}
	if method == "BTREE" {
		method = ""
	}
	switch {
	case index.name == "PRIMARY":
		d.add("constraint", index.name, index.table, "PRIMARY KEY", index.inParentheses(), method, comment)
	case notUnique:
		d.add("index", index.name, index.table, method, index.inParentheses(), unused, comment)
	default:
		d.add("index", index.name, index.table, "UNIQUE", method, index.inParentheses(), unused, comment)
	}
}

// indexElement is a column, or the beginning of one, or an expression.
func indexElement(row []string) string {
	column, length, order, expression := row[0], row[1], row[2], row[3]
	element := QuoteIdentifier(column)
	if expression != "" {
		element = "(" + expression + ")"
	}
	if length != "" {
		element += "(" + length + ")"
	}
	if order == "D" {
		element += " DESC"
	}
	return element
}

const foreignKeysSQL = `SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME,
		IF(k.REFERENCED_TABLE_SCHEMA = DATABASE(), '', k.REFERENCED_TABLE_SCHEMA), k.REFERENCED_TABLE_NAME,
		r.UPDATE_RULE, r.DELETE_RULE
	FROM information_schema.KEY_COLUMN_USAGE AS k
	JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r
		ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
	WHERE k.TABLE_SCHEMA = DATABASE() AND k.CONSTRAINT_SCHEMA = DATABASE() AND r.CONSTRAINT_SCHEMA = DATABASE()
		AND k.REFERENCED_TABLE_NAME IS NOT NULL
	ORDER BY CAST(k.TABLE_NAME AS BINARY), CAST(k.CONSTRAINT_NAME AS BINARY), k.ORDINAL_POSITION`

// foreignKeys lists the foreign keys with their rules.
func (d *description) foreignKeys(ctx context.Context) error {
	var here []list
	var there [][]string
	err := d.each(ctx, foreignKeysSQL, func(row []string) error {
		before := len(here)
		here = grouped(here, row[1], row[0], QuoteIdentifier(row[2]), row[4:]...)
		if len(here) > before {
			there = append(there, nil)
		}
		there[len(here)-1] = append(there[len(here)-1], QuoteIdentifier(row[3]))
		return nil
	})
	for i, key := range here {
		target := QuoteIdentifier(key.rest[1])
		if key.rest[0] != "" {
			target = QuoteIdentifier(key.rest[0]) + "." + target
		}
		d.add("foreign key", key.name, key.table, "FOREIGN KEY", key.inParentheses(), "REFERENCES", target,
			"("+strings.Join(there[i], ", ")+")", "ON UPDATE", key.rest[2], "ON DELETE", key.rest[3])
	}
	return err
}

// MySQL names a check's table only in the list of all constraints, and can turn a check off.
const (
	checksOfMariaDBSQL = `SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, '' FROM information_schema.CHECK_CONSTRAINTS
	WHERE CONSTRAINT_SCHEMA = DATABASE()`
	checksOfMySQLSQL = `SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, IF(t.ENFORCED = 'NO', 'NOT ENFORCED', '')
	FROM information_schema.CHECK_CONSTRAINTS AS c JOIN information_schema.TABLE_CONSTRAINTS AS t
		ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
	WHERE c.CONSTRAINT_SCHEMA = DATABASE() AND t.CONSTRAINT_TYPE = 'CHECK'`
)

// checks lists what rows have to fulfil.
func (d *description) checks(ctx context.Context) error {
	query := checksOfMySQLSQL
	if d.session.info.MariaDB {
		query = checksOfMariaDBSQL
	}
	return d.each(ctx, query, func(row []string) error {
		d.add("constraint", row[1], row[0], "CHECK ("+row[2]+")", row[3])
		return nil
	})
}

const partitionsSQL = `SELECT TABLE_NAME, CONCAT_WS('.', PARTITION_NAME, SUBPARTITION_NAME), PARTITION_METHOD, PARTITION_EXPRESSION,
		PARTITION_DESCRIPTION, SUBPARTITION_METHOD, SUBPARTITION_EXPRESSION
	FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND PARTITION_NAME IS NOT NULL`

// partitions lists the parts that tables are kept in.
func (d *description) partitions(ctx context.Context) error {
	return d.each(ctx, partitionsSQL, func(row []string) error {
		d.add("partition", row[1], row[0], row[2:]...)
		return nil
	})
}
