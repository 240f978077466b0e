package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// The oldest servers that are supported, as ServerInfo.VersionNum. From MariaDB 10.6 and MySQL 8 on, a crash leaves no
// statement like CREATE TABLE half done; MySQL before 8.0.19 does not know who holds which constraint.
const (
	MinimumMariaDB = 100600
	MinimumMySQL   = 80019
)

// Querier runs queries: a *sql.DB, a *sql.Conn, a *sql.Tx.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ServerInfo is what a server says about itself and the current database.
type ServerInfo struct {
	// MariaDB is true for MariaDB and false for MySQL.
	MariaDB bool `json:"mariadb"`
	// VersionNum is the version as a number: 101119 is 10.11.19.
	VersionNum int `json:"version_num"`
	// Version is the version as text.
	Version string `json:"version"`
	// Database is the current database's name.
	Database string `json:"database"`
	// CharacterSet and Collation are what a new table of the database gets.
	CharacterSet string `json:"character_set"`
	Collation    string `json:"collation"`
	// Engine is the storage engine that a new table gets.
	Engine string `json:"engine"`
	// ReadOnly is true when the server takes no writes, as a replica.
	ReadOnly bool `json:"read_only"`
	// LowerCaseTableNames is the server's variable of that name: with 0, the names of databases and tables that differ in
	// case are different names; 1 and 2 make them equal.
	LowerCaseTableNames int `json:"lower_case_table_names"`
}

// Product is the maker's name for the server.
func (i *ServerInfo) Product() string {
	if i.MariaDB {
		return "MariaDB"
	}
	return "MySQL"
}

const inspectSQL = `SELECT version(), COALESCE(DATABASE(), ''), @@character_set_database, @@collation_database,
	@@default_storage_engine, CAST(@@global.read_only AS CHAR), @@lower_case_table_names`

// Inspect asks the server about itself.
func Inspect(ctx context.Context, connection Querier) (*ServerInfo, error) {
	info := &ServerInfo{}
	var readOnly string
	err := connection.QueryRowContext(ctx, inspectSQL).Scan(&info.Version, &info.Database, &info.CharacterSet, &info.Collation,
		&info.Engine, &readOnly, &info.LowerCaseTableNames)
	if err != nil {
		return nil, fmt.Errorf("read the server's version and settings: %w", err)
	}
	info.ReadOnly = readOnly != "0" && !strings.EqualFold(readOnly, "off")
	info.MariaDB = strings.Contains(strings.ToLower(info.Version), "mariadb")
	info.VersionNum, err = versionNumber(info.Version)
	return info, err
}

// versionNumber reads the beginning of a version such as 10.11.19-MariaDB.
func versionNumber(text string) (int, error) {
	var major, minor, patch int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return 0, fmt.Errorf("read the server's version %q: %w", text, err)
	}
	return major*10000 + minor*100 + patch, nil
}

// Check inspects the server and judges it. The error is Problems when the database must not be used; the information is
// then given as well.
func Check(ctx context.Context, connection Querier) (*ServerInfo, error) {
	info, err := Inspect(ctx, connection)
	if err != nil {
		return nil, err
	}
	if problems := info.Problems(); len(problems) > 0 {
		return info, problems
	}
	return info, nil
}

// What Check finds is of the types of package engine.
type (
	// ProblemID names a kind of problem.
	ProblemID = engine.ProblemID
	// Problem is one reason why a database must not be used.
	Problem = engine.Problem
	// Problems are all the reasons.
	Problems = engine.Problems
)

// The problems that Check finds.
const (
	ProblemVersion      ProblemID = "version"
	ProblemCharacterSet ProblemID = "character_set"
	ProblemEngine       ProblemID = "engine"
	ProblemReadOnly     ProblemID = "read_only"
)

// Problems judges what a server says about itself.
func (i *ServerInfo) Problems() Problems {
	var problems Problems
	add := func(wrong bool, id ProblemID, what, hint string) {
		if wrong {
			problems = append(problems, Problem{ID: id, What: what, Hint: hint})
		}
	}
	minimum, wanted := MinimumMySQL, "8.0.19"
	if i.MariaDB {
		minimum, wanted = MinimumMariaDB, "10.6"
	}
	add(i.VersionNum < minimum, ProblemVersion, i.Product()+" "+i.Version+" is too old",
		"upgrade the server to MariaDB 10.6 or MySQL 8.0.19, or later ("+i.Product()+" needs "+wanted+")")
	add(i.CharacterSet != "utf8mb4", ProblemCharacterSet,
		"the database's character set is "+i.CharacterSet+", which cannot hold every text",
		"ALTER DATABASE "+QuoteIdentifier(i.Database)+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, and convert the tables that are there")
	add(!strings.EqualFold(i.Engine, "InnoDB"), ProblemEngine,
		"tables are made with the storage engine "+i.Engine+", which has no transactions",
		"turn InnoDB on at the server")
	add(i.ReadOnly, ProblemReadOnly, "the server is read-only",
		"connect to the primary server, or SET GLOBAL read_only = OFF if this is one")
	return problems
}
