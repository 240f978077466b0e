package config

import "slices"

// Key describes a key of the configuration that is read here.
// docs/configuration.md lists them all.
type Key struct {
	Name    string
	Allowed string
	Meaning string
}

// TopLevelKeys are the keys that are read outside of a database's section.
func TopLevelKeys() []Key {
	return []Key{
		{"server_name", "text", "the server's name; needed by the commands that compare it with the database"},
		{"media_store_path", "a directory", "where media are kept; default `media_store`"},
		{"database", "a mapping", "the only database, labelled `master`"},
		{"databases", "a mapping of mappings", "several databases, each under its label; not together with `database`"},
		{"database_path", "a file", "an SQLite database, when there is no `database`; an error together with `databases`"},
		{"background_updates", "a mapping", "how background updates are kept out of the server's way; see below"},
	}
}

// DatabaseKeys are the keys of a database's section.
func DatabaseKeys() []Key {
	return []Key{
		{"name", "psycopg2, sqlite3; also postgres, postgresql, sqlite", "the engine"},
		{"args", "a mapping", "how to connect; see below"},
		{"data_stores", "a list of main, state", "the logical databases kept there; default both"},
		{"txn_limit", "0 or more", "uses after which a pool replaces a connection; default 0, no limit"},
		{"statement_timeout", "0 or more, null", "milliseconds that a statement may take (PostgreSQL); 0 is no limit, null leaves the server's; default 600000"},
		{"synchronous_commit", "true, false", "false lets commits return before they are on disk (PostgreSQL); default true"},
		{"allow_unsafe_locale", "true, false", "accept a database whose locale is not C (PostgreSQL); default false"},
	}
}

// PoolKeys are the cp_ keys among a database's args: upstream's pool takes
// them, not the driver.
func PoolKeys() []Key {
	const nothing = "accepted with a warning: it means nothing to this pool"
	return []Key{
		{"cp_min", "0 or more", "the fewest connections of the pool; default 3"},
		{"cp_max", "1 or more", "the most connections of the pool; default 5"},
		{"cp_reconnect", "anything", nothing},
		{"cp_noisy", "anything", nothing},
		{"cp_name", "anything", nothing},
		{"cp_openfun", "anything", nothing},
		{"cp_good_sql", "anything", nothing},
		{"cp_reactor", "anything", nothing},
	}
}

// SQLiteKeys are the keys among the args of an SQLite database.
func SQLiteKeys() []Key {
	const nothing = "accepted with a warning: an argument for Python programs"
	return []Key{
		{"database", "a file, :memory:", "the database; without it, or with `:memory:`, it is kept in memory and lost in the end"},
		{"timeout", "anything", nothing},
		{"detect_types", "anything", nothing},
		{"isolation_level", "anything", nothing},
		{"check_same_thread", "anything", nothing},
		{"factory", "anything", nothing},
		{"cached_statements", "anything", nothing},
		{"autocommit", "anything", nothing},
		{"uri", "false", "`database` is always a file's name"},
	}
}

func names(keys []Key) []string {
	var all []string
	for _, key := range keys {
		all = append(all, key.Name)
	}
	slices.Sort(all)
	return all
}
