package table

import (
	"errors"

	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// Rejects reports whether the database, or Write before it, refuses a value for what it is, so that writing it again is no use. It is never true
// for lost connections, locks and full disks.
func Rejects(err error) bool {
	if _, isID := errors.AsType[*IDError](err); isID {
		return true
	}
	if _, isValue := errors.AsType[*ValueError](err); isValue {
		return true
	}
	return sqlite.RefusesValue(err) || postgres.RefusesValue(err) || mysql.RefusesValue(err)
}
