package create

import (
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine/postgres"
)

// Script is what psql can be given, connected to the database postgres as an administrator, in place of Run. It can be run again, and leaves
// alone what is there. It asks for the new role's password, which is not in it.
func Script(databases []Database) string {
	var text strings.Builder
	for _, database := range databases {
		role, name := quote(database.Config.User()), quote(database.Config.Database())
		fmt.Fprintf(&text, "SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s) AS missing \\gset\n\\if :missing\nCREATE ROLE %s LOGIN;\n",
			role, postgres.QuoteIdentifier(database.Config.User()))
		if database.Config.HasPassword() {
			fmt.Fprintf(&text, "\\password %s\n", postgres.QuoteIdentifier(database.Config.User()))
		}
		fmt.Fprintf(&text, "\\endif\nSELECT format('CREATE DATABASE %%I OWNER %%I ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C''%%s TEMPLATE template0', %s, %s,\n"+
			"\tCASE WHEN current_setting('server_version_num')::int >= 150000 THEN ' LOCALE_PROVIDER libc' ELSE '' END)\n"+
			"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = %s) \\gexec\n", name, role, name)
	}
	return text.String()
}

func quote(text string) string { return strings.TrimSpace(postgres.QuoteLiteral(text)) }
