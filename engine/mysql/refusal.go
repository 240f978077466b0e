package mysql

import (
	"errors"

	"github.com/go-sql-driver/mysql"
)

// RefusesValue reports whether an error says that the server, or the driver on its behalf, does not take a value for what it is: its size, its
// encoding, its range, or a constraint.
func RefusesValue(err error) bool {
	return errors.Is(err, mysql.ErrPktTooLarge) || isNumber(err, errPacketTooLarge, errTooLong, errWrongText, errOutOfRange, errWrongValue, errNoNull,
		errDuplicate, errRowTooBig)
}
