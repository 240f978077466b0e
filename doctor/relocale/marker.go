package relocale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// markerBegins is where the marker begins in the comment of a database that was made here.
const markerBegins = "synapse relocale: "

// marker is what a database that was made here says of itself, so that the next run knows it and what it belongs to.
type marker struct {
	Source string `json:"source"`
	OID    uint32 `json:"oid"` // of the source
	To     string `json:"to"`
	// Folder is where the dump is, until it is finished.
	Folder string `json:"folder,omitempty"`
}

// comment is a database's, with the marker as its last line.
func (m marker) comment(before string) (string, error) {
	text, err := json.Marshal(m)
	if before != "" {
		before += "\n"
	}
	return before + markerBegins + string(text), err
}

// readMarker finds the marker in a comment.
func readMarker(comment string) (found marker, ok bool) {
	at := strings.LastIndex(comment, markerBegins)
	if at < 0 {
		return found, false
	}
	return found, json.Unmarshal([]byte(comment[at+len(markerBegins):]), &found) == nil
}

// made is a database that was made here and has not got its name yet. No homeserver is configured for the one it has, which ends by chance.
type made struct {
	oid     uint32
	name    string
	marker  marker
	marked  bool // has the comment; without one, it is not used yet
	unnamed bool // has not got its name yet
}

// workName is that of a database that is not finished.
func workName(source uint32, chance string) string {
	return fmt.Sprintf("synapse-relocale-%d-%s", source, chance)
}

func isWorkName(name string, source uint32) bool {
	return regexp.MustCompile(fmt.Sprintf("^synapse-relocale-%d-[0-9a-f]{16}$", source)).MatchString(name)
}

const madeSQL = `SELECT d.oid, d.datname, coalesce(shobj_description(d.oid, 'pg_database'), '') FROM pg_database AS d
WHERE d.datname LIKE 'synapse-relocale-%' OR strpos(shobj_description(d.oid, 'pg_database'), $1) > 0 ORDER BY d.oid`

// findMade finds what was made of a database by earlier runs, finished or not.
func findMade(ctx context.Context, control *pgx.Conn, source *database) (all []*made, err error) {
	rows, err := control.Query(ctx, madeSQL, markerBegins)
	if err != nil {
		return nil, fmt.Errorf("look for what earlier runs have made: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		one, comment := &made{}, ""
		if err := rows.Scan(&one.oid, &one.name, &comment); err != nil {
			return nil, err
		}
		one.marker, one.marked = readMarker(comment)
		one.unnamed = isWorkName(one.name, source.oid)
		belongs := one.marked && one.marker.OID == source.oid
		if belongs || one.unnamed && comment == "" {
			all = append(all, one)
		}
	}
	return all, rows.Err()
}

// unfinished are those that may be removed.
func unfinished(all []*made) (left []*made) {
	for _, one := range all {
		if one.unnamed {
			left = append(left, one)
		}
	}
	return left
}

// finished is the one that bears its name, or nil.
func finished(all []*made) *made {
	for _, one := range all {
		if !one.unnamed {
			return one
		}
	}
	return nil
}

// removable reports whether a database is ours to drop: it says so, or was killed between its making and its marking, and is empty.
func (r *run) removable(ctx context.Context, one *made) (bool, error) {
	if one.marked {
		return true, nil
	}
	config, err := r.options.As.In(one.name)
	if err != nil {
		return false, err
	}
	connection, err := connect(ctx, config, nil)
	if err != nil {
		return false, err
	}
	defer closeNow(connection)
	var relations int
	err = connection.QueryRow(ctx, "SELECT count(*) FROM pg_class WHERE oid >= 16384").Scan(&relations)
	return relations == 0, err
}

// remove drops an unfinished database with its dump. What a killed run has left working on either side is ended first. The dump goes
// before the database whose comment alone knows where it is, or a kill between them would leave it for ever.
func (r *run) remove(ctx context.Context, one *made) error {
	if err := r.endSessions(ctx, one.oid); err != nil {
		return err
	}
	var err error
	waited := waitFor(ctx, func() (bool, error) { // a program that has lost its session may still be writing there
		err = removeFolder(one.marker.Folder)
		return err == nil, nil
	})
	if err := errors.Join(err, waited); err != nil {
		return err
	}
	if err := r.drop(ctx, one); err != nil {
		return fmt.Errorf("drop the unfinished database %s: %w", one.name, err)
	}
	return nil
}

// endSQL ends what pg_dump and pg_restore have left, and nobody else.
const endSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = ANY($1::oid[]) AND (strpos(application_name, $2) = 1 OR application_name = $3)`

const leftSQL = `SELECT count(*) = 0 FROM pg_stat_activity WHERE datid = ANY($1::oid[]) AND (strpos(application_name, $2) = 1 OR application_name = $3)`

func (r *run) endSessions(ctx context.Context, work uint32) error {
	databases := []uint32{r.source.oid, work}
	if _, err := r.control.Exec(ctx, endSQL, databases, dumpApplication, restoreApplication); err != nil {
		return fmt.Errorf("end what pg_dump and pg_restore have left: %w", err)
	}
	return waitFor(ctx, func() (gone bool, err error) {
		err = r.control.QueryRow(ctx, leftSQL, databases, dumpApplication, restoreApplication).Scan(&gone)
		return gone, err
	})
}

// forceVersion is the first server that ends a database's sessions to drop it.
const forceVersion = 130000

func (r *run) drop(ctx context.Context, one *made) error {
	statement := "DROP DATABASE IF EXISTS " + postgres.QuoteIdentifier(one.name)
	if r.source.version >= forceVersion {
		return execute(ctx, r.control, statement+" WITH (FORCE)")
	}
	if _, err := r.control.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = $1", one.oid); err != nil {
		return err
	}
	return execute(ctx, r.control, statement) // waits for sessions that end
}

// folderBegins is how the folder of a dump is called.
const folderBegins = "synapse-relocale-"

// removeFolder removes the dump of a run that was on this machine: only a folder that is called as ours are, and
// that nobody else can enter.
func removeFolder(folder string) error {
	if folder == "" || !strings.HasPrefix(filepath.Base(folder), folderBegins) || !filepath.IsAbs(folder) {
		return nil
	}
	info, err := os.Lstat(folder)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return nil //nolint:nilerr // it is on another machine, or gone, or somebody else's
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("remove the dump that a killed run has left: %w", err)
	}
	return nil
}

// clearLeftovers puts back what a killed run has left: the old database is opened first, so that a kill meanwhile leaves the marker.
func (r *run) clearLeftovers(ctx context.Context) error {
	all, err := findMade(ctx, r.control, r.source)
	if err != nil {
		return err
	}
	left := unfinished(all)
	if r.options.Check {
		return r.checkLeftovers(left, finished(all))
	}
	if len(left) > 0 {
		if err := r.putBack(ctx, left); err != nil {
			return &UndoError{Database: r.source.name, Err: err}
		}
		r.report.Leftover = true
	}
	return r.mustBeOpen(finished(all))
}

func (r *run) checkLeftovers(left []*made, done *made) error {
	if !r.source.open && len(left) > 0 {
		return engine.Refuse(SourceUnfinished, "a run that was killed has closed the database "+r.source.name,
			"run it again without --check, which begins anew, or with --undo")
	}
	r.report.Leftover = len(left) > 0
	return r.mustBeOpen(done)
}

func (r *run) mustBeOpen(done *made) error {
	switch {
	case r.source.open:
		return nil
	case done != nil:
		return engine.Refuse(SourceClosed, fmt.Sprintf("the database %s was moved to %s already, and accepts no connections since", r.source.name, done.name),
			fmt.Sprintf("name %s in the configuration; --undo opens the old one again", done.name))
	}
	return engine.Refuse(SourceClosed, fmt.Sprintf("the database %s accepts no connections, and it was not this command that closed it", r.source.name),
		"find out why, then: "+doorStatement(r.source.name, true))
}

// putBack opens the old database and removes what is not finished.
func (r *run) putBack(ctx context.Context, left []*made) error {
	for _, one := range left {
		ours, err := r.removable(ctx, one)
		if err != nil {
			return err
		}
		if !ours {
			return fmt.Errorf("the database %s has the name of an unfinished one, and neither the comment nor is it empty: look at it, and rename it", one.name)
		}
	}
	if err := r.openAgain(ctx); err != nil {
		return err
	}
	for _, one := range left {
		if err := r.remove(ctx, one); err != nil {
			return err
		}
		r.report.Removed = append(r.report.Removed, one.name)
	}
	return nil
}

func (r *run) openAgain(ctx context.Context) error {
	if r.source.open {
		return nil
	}
	if err := setDoor(ctx, r.control, r.source.name, true); err != nil {
		return fmt.Errorf("have %s accept connections again: %w", r.source.name, err)
	}
	r.source.open = true
	return nil
}
