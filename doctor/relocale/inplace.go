package relocale

import (
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine/postgres"
)

// InPlace is the other remedy: the locale is changed in the catalog of the old database, and every index is built anew.
type InPlace struct {
	// Before says what has to be so before.
	Before []string `json:"before"`
	// Commands are for psql, as a superuser, in this order.
	Commands []string `json:"commands"`
	// Dangers say why moving is better.
	Dangers []string `json:"dangers"`
}

// The first servers with a version of the collation, and with another name for the provider's locale.
const (
	collationVersionVersion = 150000
	providerLocaleVersion   = 170000
)

// inPlace writes it down for a database.
func inPlace(source *database) *InPlace {
	name := postgres.QuoteIdentifier(source.name)
	return &InPlace{
		Before: []string{
			"the homeserver and everything else that uses the database is stopped, and stays stopped until the last command has ended",
			"there is a backup that was restored once, to see that it can be",
			"no key is there twice: this command with --check says so; REINDEX would stop at the first one",
			"no table is partitioned by a range of texts, and no constraint, computed column or index expression depends on the order or the case of texts",
			"no logical or physical replica reads along that cannot be made anew",
		},
		Commands: []string{
			`\connect ` + name,
			catalogStatement(source),
			`\connect ` + name,
			"REINDEX DATABASE " + name + ";",
			"REINDEX SYSTEM " + name + ";",
			"ANALYZE;",
		},
		Dangers: []string{
			"PostgreSQL does not support a change of its catalog by hand, and does not check this one",
			"from the change until the end of REINDEX every index on a text is wrong: whoever reads misses rows, and whoever writes makes duplicates",
			"when REINDEX stops, at a duplicate or for want of room, the indexes that are left stay wrong",
			"there is no old database to go back to, only the backup",
		},
	}
}

// catalogStatement changes the locale. Columns of the provider differ between versions.
func catalogStatement(source *database) string {
	set := []string{"datcollate = 'C'", "datctype = 'C'"}
	if source.version >= collationVersionVersion {
		locale := "daticulocale"
		if source.version >= providerLocaleVersion {
			locale = "datlocale"
		}
		set = append(set, "datlocprovider = 'c'", locale+" = NULL", "datcollversion = NULL")
	}
	if source.version >= 160000 {
		set = append(set, "daticurules = NULL")
	}
	return fmt.Sprintf("UPDATE pg_catalog.pg_database SET %s WHERE datname = %s;", strings.Join(set, ", "), strings.TrimSpace(postgres.QuoteLiteral(source.name)))
}
