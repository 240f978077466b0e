package mysql

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// RefusesValue reports whether an error says that the server, or the driver on its behalf, does not take a value for what it is: its size, its
// encoding, its range, or a constraint.
func RefusesValue(err error) bool {
	return errors.Is(err, mysql.ErrPktTooLarge) || tooLongForAPacket(err) || isNumber(err, errPacketTooLarge, errTooLong, errWrongText, errOutOfRange, errWrongValue, errNoNull,
		errDuplicate, errRowTooBig, errCheckMySQL, errCheckMariaDB)
}

// tooLongForAPacket recognises what the server says of a value that came in several packets, an error without a number of its own.
func tooLongForAPacket(err error) bool {
	return isNumber(err, errUnknown) && strings.Contains(err.Error(), "max_allowed_packet")
}
