package file_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/file"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// closed is a homeserver's database that nobody has open.
func closed(t *testing.T) (path string, options doctor.Options) {
	t.Helper()
	path, session, options := doctortest.SQLite(t)
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	options.Deep = true
	return path, options
}

// write runs statements in the file, and leaves it closed.
func write(t *testing.T, path string, statements ...string) {
	t.Helper()
	session := openSession(t, path)
	doctortest.Exec(t, session, statements...)
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
}

func openSession(t *testing.T, path string) engine.Session {
	t.Helper()
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// ours are the findings of this package.
func ours(found []finding.Finding) (own []finding.Finding) {
	for _, one := range found {
		if strings.HasPrefix(one.ID, "file_") || one.ID == "check_failed" {
			own = append(own, one)
		}
	}
	return own
}

func TestHealthyFiles(t *testing.T) {
	t.Parallel()
	_, options := closed(t)
	for _, one := range ours(doctortest.Check(t, options)) {
		if one.Severity != finding.Info {
			t.Errorf("%+v", one)
		}
	}
	folder, there := dbtest.Data(t)
	if !there {
		return
	}
	names, err := filepath.Glob(filepath.Join(folder, "homeserver-*.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		copied, _ := dbtest.CopyData(t, filepath.Base(name))
		options.Databases = []doctor.Database{{Label: "master", SQLitePath: copied}}
		for _, one := range ours(doctortest.Check(t, options)) {
			if one.Severity != finding.Info && !strings.Contains(name, "-bad") {
				t.Errorf("%s: %+v", name, one)
			}
		}
	}
}

func TestADatabaseThatIsOpenIsHealthy(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.SQLite(t)
	doctortest.Exec(t, session, `INSERT INTO rooms (room_id, is_public) VALUES ('!r', 1)`)
	for _, one := range ours(doctortest.Check(t, options)) {
		if one.Severity != finding.Info {
			t.Errorf("%+v", one)
		}
	}
}

// Each is broken with statements, found, and mended with statements, which are those of the finding where none are given.
func TestWhatIsBrokenByStatements(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   []string
		id       string
		severity finding.Severity
		evidence string
		mend     []string
	}{
		"journal mode": {[]string{`PRAGMA journal_mode = DELETE`}, file.JournalMode, finding.Info, "journal mode rollback", nil},
		"auto_vacuum":  {[]string{`PRAGMA auto_vacuum = FULL`, `PRAGMA journal_mode = DELETE`, `VACUUM`}, file.AutoVacuum, finding.Warning, "header", nil},
		"free pages": {
			[]string{
				`CREATE TABLE junk (text TEXT)`, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
					INSERT INTO junk SELECT hex(randomblob(500)) FROM n`, `DELETE FROM junk`,
			},
			file.FreePages, finding.Info, "pages of 4096 bytes are free", nil,
		},
		"index": {
			[]string{
				`CREATE TABLE junk (a INTEGER, b INTEGER)`, `CREATE INDEX "Junk's" ON junk (a)`, `INSERT INTO junk VALUES (1, 2), (3, 4)`,
				`PRAGMA writable_schema = ON`, `UPDATE sqlite_schema SET sql = 'CREATE INDEX "Junk''s" ON junk (b)' WHERE name = 'Junk''s'`,
			},
			file.IndexDamaged, finding.Error, "index Junk's", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, options := closed(t)
			doctortest.MustNotFind(t, options, test.id)
			write(t, path, test.damage...)
			found := doctortest.MustFind(t, options, test.id, test.severity, test.evidence)
			if test.mend == nil {
				test.mend = found.Remedy.Commands
			}
			write(t, path, test.mend...)
			doctortest.MustNotFind(t, options, test.id)
		})
	}
}

func TestDamagedPages(t *testing.T) {
	t.Parallel()
	path, options := closed(t)
	options.Deep = false
	write(t, path, `CREATE TABLE junk (text TEXT)`, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
		INSERT INTO junk SELECT hex(randomblob(200)) FROM n`)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	session := openSession(t, path)
	var root, size int64
	if err := session.QueryRow(t.Context(), `SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'junk'`).Scan(&root, &size); err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	doctortest.MustNotFind(t, options, file.Damaged)
	broken := []byte(string(sound))
	for i := range size {
		broken[(root-1)*size+i] = 0xa5
	}
	replace(t, path, broken)
	doctortest.MustFind(t, options, file.Damaged, finding.Error, "age") // the number of a page, in SQLite's words
	options.Deep = true
	doctortest.MustFind(t, options, file.Damaged, finding.Error, "age")
	replace(t, path, sound)
	doctortest.MustNotFind(t, options, file.Damaged)
}

// replace gives a file another content.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFileThatANewerSQLiteWrote(t *testing.T) {
	t.Parallel()
	path, options := closed(t)
	doctortest.MustNotFind(t, options, file.WrittenNewer)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sound := []byte(string(content))
	binary.BigEndian.PutUint32(content[96:], 9_054_003)
	replace(t, path, content)
	if found := doctortest.MustFind(t, options, file.WrittenNewer, finding.Info, ""); !strings.Contains(found.What, "SQLite 9.54.3") {
		t.Error(found.What)
	}
	replace(t, path, sound)
	doctortest.MustNotFind(t, options, file.WrittenNewer)
}

func TestTextsInUTF16(t *testing.T) {
	t.Parallel()
	path, options := closed(t)
	doctortest.MustNotFind(t, options, file.Encoding)
	wide := filepath.Join(t.TempDir(), "wide.db")
	write(t, wide, `PRAGMA encoding = 'UTF-16le'`, `CREATE TABLE t (a TEXT)`)
	options.Databases[0].SQLitePath = wide
	doctortest.MustFind(t, options, file.Encoding, finding.Warning, "header")
	options.Databases[0].SQLitePath = path
	doctortest.MustNotFind(t, options, file.Encoding)
}

// A copy that is made while the database is open is what a process that was killed leaves behind.
func TestWhatAKilledProcessLeaves(t *testing.T) {
	t.Parallel()
	path, session, options := doctortest.SQLite(t)
	doctortest.Exec(t, session, `PRAGMA wal_autocheckpoint = 0`, `INSERT INTO rooms (room_id, is_public) VALUES ('!r', 1)`)
	doctortest.MustNotFind(t, options, file.LogLeft)
	left := filepath.Join(t.TempDir(), "left.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, left+suffix, content)
	}
	options.Databases[0].SQLitePath = left
	doctortest.MustFind(t, options, file.LogLeft, finding.Warning, "left.db-wal of ")
	if err := openAndClose(t, left); err != nil {
		t.Fatal(err)
	}
	doctortest.MustNotFind(t, options, file.LogLeft)
}

func openAndClose(t *testing.T, path string) error {
	t.Helper()
	session := openSession(t, path)
	var count int
	if err := session.QueryRow(t.Context(), `SELECT count(*) FROM rooms`).Scan(&count); err != nil {
		return err
	}
	return session.Close()
}

func TestJournalThatAKilledProcessLeaves(t *testing.T) {
	t.Parallel()
	path, options := closed(t)
	write(t, path, `PRAGMA journal_mode = DELETE`, `CREATE TABLE junk (text TEXT)`)
	session := openSession(t, path)
	doctortest.Exec(t, session, `PRAGMA cache_size = 1`, `BEGIN IMMEDIATE`, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
		INSERT INTO junk SELECT hex(randomblob(500)) FROM n`)
	left := filepath.Join(t.TempDir(), "left.db")
	for _, suffix := range []string{"", "-journal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, left+suffix, content)
	}
	doctortest.Exec(t, session, `ROLLBACK`)
	options.Databases[0].SQLitePath = left
	doctortest.MustFind(t, options, file.JournalLeft, finding.Error, "left.db-journal")
	if err := openAndClose(t, left); err != nil {
		t.Fatal(err)
	}
	doctortest.MustNotFind(t, options, file.JournalLeft)
}

func TestRights(t *testing.T) {
	t.Parallel()
	path, options := closed(t)
	folder := filepath.Dir(path)
	// The rule does not bind root, so the owner has to be somebody else.
	if os.Getuid() == 0 {
		give(t, folder, path)
	}
	doctortest.MustNotFind(t, options, file.NotWritable)
	for _, one := range []struct {
		path           string
		broken, mended os.FileMode
	}{{path, 0o440, 0o600}, {folder, 0o555, 0o755}} {
		chmod(t, one.path, one.broken)
		doctortest.MustFind(t, options, file.NotWritable, finding.Error, one.path+" has mode ")
		chmod(t, one.path, one.mended)
		doctortest.MustNotFind(t, options, file.NotWritable)
	}
	doctortest.MustNotFind(t, options, file.OtherOwner)
	replace(t, path+"-wal", []byte("of an empty one SQLite changes the mode when it opens it"))
	chmod(t, path+"-wal", 0o444)
	doctortest.MustFind(t, options, file.OtherOwner, finding.Error, "homeserver.db-wal has mode ")
	chmod(t, path+"-wal", 0o666)
	doctortest.MustNotFind(t, options, file.OtherOwner)
}

// give makes somebody else the owner.
func give(t *testing.T, paths ...string) {
	t.Helper()
	const nobody = 65534
	for _, path := range paths {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestOthersMayRead(t *testing.T) {
	t.Parallel()
	path, options := closed(t)
	chmod(t, filepath.Dir(path), 0o755)
	chmod(t, path, 0o600)
	doctortest.MustNotFind(t, options, file.OthersMayRead)
	chmod(t, path, 0o644)
	if found := doctortest.Findings(t, options, file.OthersMayRead); len(found) > 0 && found[0].Severity != finding.Info {
		t.Errorf("%+v", found)
	}
	chmod(t, filepath.Dir(path), 0o750)
	doctortest.MustNotFind(t, options, file.OthersMayRead)
	chmod(t, filepath.Dir(path), 0o755)
}

func TestMounts(t *testing.T) {
	t.Parallel()
	if found := file.DescribeMount("/mnt/h.db", "NFS", true); found.Severity != finding.Warning || found.Evidence[0] != "/mnt/h.db is on NFS" {
		t.Errorf("%+v", found)
	}
	if found := file.DescribeMount("/mnt/h.db", "FUSE", false); found.Severity != finding.Info {
		t.Errorf("%+v", found)
	}
	_, options := closed(t)
	doctortest.MustNotFind(t, options, file.NetworkMount)
}
