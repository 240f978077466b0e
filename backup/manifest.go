package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/media"
)

// Format is the version of the repository's layout and of the manifest that this program writes.
const Format = 1

// Manifest describes a backup. It is the last of its files that is written.
type Manifest struct {
	Format     int       `json:"format"`
	ID         string    `json:"id"`
	Created    time.Time `json:"created"` // when its making began
	Seconds    float64   `json:"seconds"`
	ServerName string    `json:"server_name"`
	// SigningKeys are those of the server, the one that signs first.
	SigningKeys []SigningKey `json:"signing_keys"`
	// Files are configuration, keys, and whatever else the configuration refers to.
	Files []StoredFile `json:"files"`
	// MissingFiles are those that were not there and were allowed to be missing.
	MissingFiles []Reference `json:"missing_files,omitempty"`
	// Databases are in the order of their snapshots.
	Databases []Database `json:"databases"`
	Media     Media      `json:"media"`
	// NotIncluded says, in words, what the configuration names and a backup does not hold.
	NotIncluded []string `json:"not_included,omitempty"`
}

// SigningKey is a key as other servers know it.
type SigningKey struct {
	ID        string `json:"id"`         // such as "ed25519:a_AbCd"
	PublicKey string `json:"public_key"` // unpadded base64
}

// Reference is a file, and what refers to it.
type Reference struct {
	// Path is absolute.
	Path string `json:"path"`
	// Key is that of the configuration, such as "log_config"; "--config" and "--include" are not of the configuration.
	Key string `json:"key"`
}

// Stored is a file within the folder of a backup.
type Stored struct {
	Name   string `json:"name"` // below the folder, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	// Packs are those that hold it, in a packed repository: their places in packs.json.
	Packs []int `json:"packs,omitempty"`
}

// StoredFile is a file of the homeserver.
type StoredFile struct {
	Reference
	Stored

	Mode  string `json:"mode"` // permissions, in octal digits
	Owner int    `json:"owner"`
	Group int    `json:"group"`
}

// Database is one physical database.
type Database struct {
	Label   string   `json:"label"`
	Engine  string   `json:"engine"` // sqlite or postgres
	Logical []string `json:"logical"`
	// Snapshot is when the state was taken that the dump holds.
	Snapshot time.Time `json:"snapshot"`
	// BehindMain is only of a state database by itself.
	BehindMain    *Distance `json:"behind_main,omitempty"`
	Set           string    `json:"set"` // whose schema it is: upstream, or a set of ours
	SchemaVersion int       `json:"schema_version"`
	Upgraded      bool      `json:"upgraded"` // whether a delta was applied after the full schema
	CompatVersion *int      `json:"compat_version"`
	// ServerVersion, Encoding, Collate and CType are of PostgreSQL.
	ServerVersion string `json:"server_version,omitempty"`
	Encoding      string `json:"encoding,omitempty"`
	Collate       string `json:"collate,omitempty"`
	CType         string `json:"ctype,omitempty"`
	// Bytes are those that the database took.
	Bytes int64 `json:"bytes"`
	// Tables have the rows of the snapshot, and Sequences its values.
	Tables    []Table    `json:"tables"`
	Sequences []Sequence `json:"sequences"`
	// Dump is the file of SQLite, or the folder for pg_restore, below the folder of the backup.
	Dump string `json:"dump"`
	// Files are the dump's.
	Files []Stored `json:"files"`
}

// Table counts rows.
type Table struct {
	Schema string `json:"schema,omitempty"` // of PostgreSQL
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	// Left says that the dump holds none of the rows.
	Left bool `json:"left_out,omitempty"`
}

// Sequence is where a sequence stands; of SQLite, an AUTOINCREMENT column.
type Sequence struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	// Last is nil as long as nothing was taken from it.
	Last *int64 `json:"last"`
}

// Media is what was taken of the media store.
type Media struct {
	Path  string       `json:"path"`
	Owner int          `json:"owner"` // of the store's folder, as is the group
	Group int          `json:"group"`
	Kinds []media.Kind `json:"kinds"`
	// List has a line of JSON, a Medium, for each file.
	List *Stored `json:"list,omitempty"`
	// Files and Bytes are of the backup; NewFiles and NewBytes of them were not in the repository before.
	Files    int64 `json:"files"`
	Bytes    int64 `json:"bytes"`
	NewFiles int64 `json:"new_files"`
	NewBytes int64 `json:"new_bytes"`
	// Read counts the files that were read; the others were known by path, size and time.
	Read int64 `json:"read_files"`
	// Without counts rows whose file was not there; Differing, files of another size or checksum than their row says; Unnamed, files that
	// no row names, which are taken too; Closed, links and folders that were not looked into.
	Without   int64 `json:"rows_without_file"`
	Differing int64 `json:"differing_files"`
	Unnamed   int64 `json:"files_without_row"`
	Closed    int64 `json:"closed"`
	// Examples are some of these.
	Examples []string `json:"examples,omitempty"`
}

// Medium is a file of the media store.
type Medium struct {
	Path   string `json:"path"` // below the store, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Modified is the time of its last change, in nanoseconds since 1970.
	Modified int64 `json:"modified_ns"`
	// Row says that a row of the snapshot names it.
	Row bool `json:"row"`
	// Packs are those that hold its content, in a packed repository: their places in packs.json.
	Packs []int `json:"packs,omitempty"`
}

// The names in the folder of a backup.
const (
	manifestName = "manifest.json"
	sumName      = "manifest.sha256"
	listName     = "media.jsonl.zst"
	filesFolder  = "files"
	dumpFolder   = "database"
	sqliteEnd    = ".db"
)

// sum is a checksum in hexadecimal digits.
func sum(content []byte) string {
	all := sha256.Sum256(content)
	return hex.EncodeToString(all[:])
}

// encode is the manifest as it is written.
func (m *Manifest) encode() ([]byte, error) {
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return append(content, '\n'), nil
}

// writeManifest writes the manifest and its checksum, which are on the disk then.
func writeManifest(folder *os.Root, manifest *Manifest) error {
	content, err := manifest.encode()
	if err != nil {
		return err
	}
	if err := writeSynced(folder, sumName, []byte(sumLine(sum(content)))); err != nil {
		return err
	}
	return writeSynced(folder, manifestName, content)
}

// sumLine is what sha256sum writes and checks.
func sumLine(sum string) string { return sum + "  " + manifestName + "\n" }

// readManifest refuses what is damaged, of another format, or leads out of the backup. It returns the manifest's checksum too.
func readManifest(folder *os.Root) (*Manifest, string, error) {
	content, err := folder.ReadFile(manifestName)
	if err != nil {
		return nil, "", fmt.Errorf("read the manifest: %w", err)
	}
	line, err := folder.ReadFile(sumName)
	if err != nil {
		return nil, "", fmt.Errorf("read the manifest's checksum: %w", err)
	}
	wanted := sum(content)
	if string(line) != sumLine(wanted) {
		return nil, "", &DamagedError{Name: manifestName, What: "its SHA-256 is not that of " + sumName}
	}
	manifest, err := parseManifest(content)
	return manifest, wanted, err
}

func parseManifest(content []byte) (*Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return nil, &DamagedError{Name: manifestName, What: "it is not JSON"}
	}
	if version.Format != Format {
		return nil, &FormatError{Name: manifestName, Format: version.Format}
	}
	manifest := &Manifest{}
	if err := json.Unmarshal(content, manifest); err != nil {
		return nil, &DamagedError{Name: manifestName, What: err.Error()}
	}
	return manifest, manifest.check()
}

// check refuses names that lead out of where they belong, whoever wrote them.
func (m *Manifest) check() error {
	var problems []error
	reject := func(name string) {
		problems = append(problems, &DamagedError{Name: manifestName, What: fmt.Sprintf("the name %q leads out of the backup", name)})
	}
	stored := func(file Stored, below string) {
		rest, found := strings.CutPrefix(file.Name, below+"/")
		if !found || !inside(rest) || len(file.SHA256) != 2*sha256.Size {
			reject(file.Name)
		}
	}
	for _, file := range m.Files {
		stored(file.Stored, filesFolder)
		if !filepath.IsAbs(file.Path) || file.Name != filesFolder+path.Clean(filepath.ToSlash(file.Path)) {
			reject(file.Path)
		}
	}
	for _, database := range m.Databases {
		if rest, found := strings.CutPrefix(database.Dump, dumpFolder+"/"); !found || !validLabel(strings.TrimSuffix(rest, sqliteEnd)) {
			reject(database.Dump)
		}
		for _, file := range database.Files {
			stored(file, dumpFolder)
		}
		if !database.fits() {
			reject(database.Engine + " " + database.Dump)
		}
	}
	if m.Media.List != nil && m.Media.List.Name != listName || !validID(m.ID) {
		reject("of the list of media, or of the backup")
	}
	return errors.Join(problems...)
}

// fits reports whether the engine is one that is restored, and a dump of SQLite one file.
func (d *Database) fits() bool {
	isFile := len(d.Files) == 1 && d.Files[0].Name == d.Dump
	return d.Engine == string(engine.Postgres) || d.Engine == string(engine.SQLite) && isFile
}

// inside reports whether a name with slashes stays below a folder on every system.
func inside(name string) bool {
	return fs.ValidPath(name) && name != "." && filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsAny(name, "\\\x00")
}
