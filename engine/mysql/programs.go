package mysql

import (
	"context"
	"strings"
)

const triggersSQL = `SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER, ACTION_STATEMENT
	FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()`

func (d *description) triggers(ctx context.Context) error {
	return d.each(ctx, triggersSQL, func(row []string) error {
		d.add("trigger", row[0], row[1], row[2], row[3], "ORDER", row[4], row[5])
		return nil
	})
}

const viewsSQL = `SELECT TABLE_NAME, VIEW_DEFINITION, IF(CHECK_OPTION = 'NONE', '', CONCAT('WITH ', CHECK_OPTION, ' CHECK OPTION')),
		CONCAT('SQL SECURITY ', SECURITY_TYPE)
	FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()`

func (d *description) views(ctx context.Context) error {
	return d.each(ctx, viewsSQL, func(row []string) error {
		d.add("view", row[0], "", row[3], row[1], row[2])
		return nil
	})
}

const routinesSQL = `SELECT r.ROUTINE_NAME, r.ROUTINE_TYPE, (
		SELECT GROUP_CONCAT(CONCAT_WS(' ', p.PARAMETER_MODE, p.PARAMETER_NAME, p.DTD_IDENTIFIER) ORDER BY p.ORDINAL_POSITION SEPARATOR ', ')
		FROM information_schema.PARAMETERS AS p WHERE p.SPECIFIC_SCHEMA = DATABASE() AND p.SPECIFIC_NAME = r.SPECIFIC_NAME
			AND p.ROUTINE_TYPE = r.ROUTINE_TYPE AND p.ORDINAL_POSITION > 0),
		IF(r.DTD_IDENTIFIER IS NULL, '', CONCAT('RETURNS ', r.DTD_IDENTIFIER)),
		IF(r.IS_DETERMINISTIC = 'YES', 'DETERMINISTIC', ''), r.SQL_DATA_ACCESS, CONCAT('SQL SECURITY ', r.SECURITY_TYPE), r.ROUTINE_DEFINITION,
		IF(r.ROUTINE_COMMENT = '', '', CONCAT('COMMENT ', QUOTE(r.ROUTINE_COMMENT)))
	FROM information_schema.ROUTINES AS r WHERE r.ROUTINE_SCHEMA = DATABASE()`

// routines lists functions and procedures (and MariaDB's packages).
func (d *description) routines(ctx context.Context) error {
	return d.each(ctx, routinesSQL, func(row []string) error {
		definition := append([]string{"(" + row[2] + ")"}, row[3:]...)
		d.add(strings.ToLower(row[1]), row[0], "", definition...)
		return nil
	})
}

const eventsSQL = `SELECT EVENT_NAME, CONCAT('EVERY ', INTERVAL_VALUE, ' ', INTERVAL_FIELD), CONCAT('AT ', EXECUTE_AT),
		CONCAT('STARTS ', STARTS), CONCAT('ENDS ', ENDS), STATUS, CONCAT('ON COMPLETION ', ON_COMPLETION), EVENT_DEFINITION
	FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()`

func (d *description) events(ctx context.Context) error {
	return d.each(ctx, eventsSQL, func(row []string) error {
		d.add("event", row[0], "", row[1:]...)
		return nil
	})
}
