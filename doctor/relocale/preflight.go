package relocale

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/pgprogram"
)

// longestName is how many bytes PostgreSQL keeps of a name.
const longestName = 63

// preflight looks for everything that hinders. The old database is only read.
func (r *run) preflight(ctx context.Context) error {
	problems := r.simpleProblems()
	for _, check := range []func(context.Context) ([]Problem, error){r.targetProblems, r.programProblems, r.pendingProblems, r.sourceProblems} {
		found, err := check(ctx)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// simpleProblems are those that what was read already tells.
func (r *run) simpleProblems() (problems []Problem) {
	add := func(is bool, id ProblemID, what, hint string) {
		if is {
			problems = append(problems, Problem{ID: id, What: what, Hint: hint})
		}
	}
	s, to := r.source, r.options.To
	add(s.locale.isC(), LocaleIsC, fmt.Sprintf("the locale of %s is C already", s.name), "leave it as it is")
	add(s.encoding != "UTF8", SourceEncoding, fmt.Sprintf("the encoding of %s is %s, not UTF8", s.name, s.encoding),
		"its texts have to be converted first: dump it with pg_dump --encoding=UTF8 and look at what does not convert")
	add(s.recovering, ServerReadOnly, "the server is a standby, which cannot be written to", "connect to the primary")
	add(to == "" || len(to) > longestName || strings.ContainsRune(to, 0), TargetName, fmt.Sprintf("%q is no name for a database", to),
		fmt.Sprintf("a name has 1 to %d bytes", longestName))
	right := "do it as a superuser: --as postgres"
	add(!s.lookOver, RightMissing, fmt.Sprintf("the role %s may not close %s to connections: that may its owner, %s", s.currentRole, s.name, s.owner), right)
	add(!s.mayCreate, RightMissing, fmt.Sprintf("the role %s may not create databases (CREATEDB)", s.currentRole),
		fmt.Sprintf("%s, or give the right: ALTER ROLE %s CREATEDB", right, postgres.QuoteIdentifier(s.currentRole)))
	add(s.lookOver && !s.mayOwn, RightMissing, fmt.Sprintf("the role %s may not create databases that belong to %s", s.currentRole, s.owner), right)
	return problems
}

func (r *run) targetProblems(ctx context.Context) ([]Problem, error) {
	there, err := readDatabase(ctx, r.control, r.options.To)
	if err != nil || there == nil {
		return nil, err
	}
	hint := "name another one; this one is left as it is"
	if mark, ok := readMarker(there.comment); ok && mark.OID == r.source.oid {
		hint = "it was made of this one before, and is complete: name it in the configuration, or drop it and move again"
	}
	return []Problem{{ID: TargetExists, What: fmt.Sprintf("there is a database %q already", r.options.To), Hint: hint}}, nil
}

func (r *run) programProblems(ctx context.Context) (problems []Problem, err error) {
	server := r.source.version / 10000
	for _, path := range []string{r.options.PgDump, r.options.PgRestore} {
		version, err := pgprogram.MajorVersion(ctx, path)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			problems = append(problems, Problem{ID: ProgramMissing, What: err.Error(), Hint: "install PostgreSQL's programs for clients"})
		case version < server:
			problems = append(problems, Problem{
				ID: ProgramMissing, What: fmt.Sprintf("%s is of PostgreSQL %d, and the server of %d", path, version, server),
				Hint: fmt.Sprintf("a dump needs the server's version or a later one: install postgresql-client-%d", server),
			})
		}
	}
	return problems, nil
}

const (
	preparedSQL = `SELECT format('the prepared transaction %s', quote_literal(gid)) FROM pg_prepared_xacts WHERE database = $1 ORDER BY 1`
	slotsSQL    = `SELECT format('the replication slot %s', slot_name) FROM pg_replication_slots WHERE database = $1 ORDER BY 1`
)

// pendingProblems are about what would not come along.
func (r *run) pendingProblems(ctx context.Context) (problems []Problem, err error) {
	for query, hint := range map[string]string{
		preparedSQL: "commit it or roll it back: what it has written is in no dump",
		slotsSQL:    "drop it, and make it anew on the new database: it would go on to hold back the removal of old WAL",
	} {
		rows, err := r.control.Query(ctx, query, r.source.name)
		if err != nil {
			return nil, err
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		for _, what := range found {
			problems = append(problems, Problem{ID: SourcePending, What: what + " is of the database " + r.source.name, Hint: hint})
		}
	}
	return problems, nil
}

// sourceProblems are those within the old database.
func (r *run) sourceProblems(ctx context.Context) (problems []Problem, err error) {
	config, err := r.options.As.In(r.source.name)
	if err != nil {
		return nil, err
	}
	reader, err := connect(ctx, config, map[string]string{"default_transaction_read_only": "on"})
	if err != nil {
		return nil, err
	}
	defer closeNow(reader)
	behind, err := postgres.BehindPooler(ctx, reader)
	if err != nil {
		return nil, err
	}
	if behind {
		return []Problem{{ID: ServerPooler, What: "a pooler stands between this program and the server", Hint: "give the address of the server itself"}}, nil
	}
	r.readers = []*pgx.Conn{reader}
	defer func() { r.readers = nil }()
	for _, check := range []func(context.Context, *pgx.Conn) ([]Problem, error){r.usedBy, r.spaceProblems, r.rightProblems, r.duplicateKeys, r.keysWithoutRows} {
		found, err := check(ctx, reader)
		if err != nil {
			return nil, fmt.Errorf("look at the database %s: %w", r.source.name, err)
		}
		problems = append(problems, found...)
		if len(found) > 0 && found[0].ID == RightMissing {
			break // the rows cannot be read
		}
	}
	return problems, nil
}

func (r *run) usedBy(ctx context.Context, _ *pgx.Conn) ([]Problem, error) {
	sessions, err := r.others(ctx)
	if err != nil || len(sessions) == 0 {
		return nil, err
	}
	return []Problem{{ID: SourceInUse, What: "others are connected to " + r.source.name + ":\n      " + strings.Join(sessions, "\n      "), Hint: stopServer}}, nil
}

// rightsSQL finds what a role that is no superuser cannot read, or cannot make again. Schema public belongs to whoever the server says.
const rightsSQL = `WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'),
brought AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
owned(class, oid, name, owner) AS (
    SELECT 'pg_class'::regclass, c.oid, format('%I.%I', o.nspname, c.relname), c.relowner FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, format('%I.%I()', o.nspname, p.proname), p.proowner FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace
    UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 'schema ' || quote_ident(n.nspname), n.nspowner FROM pg_namespace n JOIN ours o ON o.oid = n.oid WHERE n.nspname <> 'public')
SELECT format('%s belongs to %s, and the role %s cannot make it again as theirs', name, pg_get_userbyid(owner), current_user) FROM owned
    WHERE NOT pg_has_role(owner, 'MEMBER') AND NOT EXISTS (SELECT FROM brought b WHERE b.classid = owned.class AND b.objid = owned.oid)
UNION ALL SELECT format('the large object %s belongs to %s, and the role %s cannot make it again as theirs', oid, pg_get_userbyid(lomowner), current_user)
    FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'MEMBER')
UNION ALL SELECT format('the role %s may not read %I.%I', current_user, o.nspname, c.relname) FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'S') AND NOT (has_schema_privilege(o.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
UNION ALL SELECT format('the role %s may not create the extension %s', current_user, e.extname) FROM pg_extension e
    WHERE e.extname <> 'plpgsql' AND NOT EXISTS (SELECT FROM pg_available_extension_versions v
        WHERE v.name = e.extname AND v.version = e.extversion AND coalesce((to_jsonb(v)->>'trusted')::bool, false))
ORDER BY 1`

func (r *run) rightProblems(ctx context.Context, on *pgx.Conn) ([]Problem, error) {
	if r.source.superuser {
		return nil, nil
	}
	rows, err := on.Query(ctx, rightsSQL)
	if err != nil {
		return nil, err
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return []Problem{{ID: RightMissing, What: engine.List(missing), Hint: "do it as a superuser: --as postgres"}}, nil
}

const tableBytesSQL = `SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384`

// spaceProblems: the new database takes what the old one does at most; a dump, which is compressed, half of what the tables take.
func (r *run) spaceProblems(ctx context.Context, on *pgx.Conn) (problems []Problem, err error) {
	var tables int64
	if err := on.QueryRow(ctx, tableBytesSQL).Scan(&tables); err != nil {
		return nil, err
	}
	config, err := r.options.As.In(r.source.name)
	if err != nil {
		return nil, err
	}
	room, err := config.Space(ctx)
	if err != nil {
		return nil, err
	}
	if room.Known && room.Free < room.Used {
		problems = append(problems, Problem{ID: SpaceMissing, What: fmt.Sprintf("the new database needs %d MB on the server, and %d MB are free", room.Used>>20, room.Free>>20),
			Hint: "make room; the old database stays until it is dropped"})
	}
	folder, err := filepath.Abs(r.options.Folder)
	if err != nil {
		return nil, err
	}
	r.options.Folder = folder
	if free, known := engine.FreeSpace(folder); known && free < tables/2 {
		problems = append(problems, Problem{ID: SpaceMissing, What: fmt.Sprintf("the dump may need %d MB in %s, and %d MB are free", tables>>21, folder, free>>20),
			Hint: "name another folder: --folder"})
	}
	return problems, nil
}
