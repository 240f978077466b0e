package port

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// asideFile is the JSON-lines file of rows that were set aside, and of the originals of repaired ones. While the port
// lasts it bears another name, with ".part" at its end; what a port that was killed left there the next one replaces,
// since the state in the target and the source tell it all lines again. It gets its own name when it is complete, and never replaces a file of that name.
type asideFile struct {
	mutex  sync.Mutex
	path   string // empty when no row can be set aside
	file   *os.File
	buffer *bufio.Writer
	lines  int64
	named  bool // it is complete and bears its name
}

// asideLine is one line of the file.
type asideLine struct {
	Action  Action                     `json:"action"` // repaired: the row went over with U+FFFD; set_aside: it did not
	Table   string                     `json:"table"`
	RowID   int64                      `json:"rowid,omitempty"`
	Reasons []asideReason              `json:"reasons"`
	Row     map[string]json.RawMessage `json:"row"` // texts that are UTF-8 as strings, other bytes as {"base64": "…"}
}

type asideReason struct {
	Column string        `json:"column,omitempty"`
	Class  convert.Class `json:"class"`
	Detail string        `json:"detail,omitempty"`
}

func (f *asideFile) part() string { return f.path + ".part" }

// open proves that the file can be made. That it cannot is a Problem.
func (f *asideFile) open() []Problem {
	err := f.mustBeFree()
	if err == nil {
		// 0600: rows hold whatever the database holds, access tokens too.
		f.file, err = os.OpenFile(f.part(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	if err != nil {
		return []Problem{{
			ID: "set_aside_file", What: "the file for rows set aside cannot be made: " + err.Error(),
			Hint: "name another file, in a folder that can be written to",
		}}
	}
	f.buffer = bufio.NewWriter(f.file)
	return nil
}

func (f *asideFile) mustBeFree() error {
	_, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = &fs.PathError{Op: "create", Path: f.path, Err: fs.ErrExist}
	}
	return err
}

func (f *asideFile) write(line asideLine) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	f.lines++
	if _, err := f.buffer.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("file for rows set aside: %w", err)
	}
	return nil
}

// sync brings the lines to the disk.
func (f *asideFile) sync() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.file == nil {
		return nil
	}
	if err := errors.Join(f.buffer.Flush(), f.file.Sync()); err != nil {
		return fmt.Errorf("file for rows set aside: %w", err)
	}
	return nil
}

// absolute is the path of the file that is going to have a name; "" when there is none.
func (f *asideFile) absolute() string {
	path, err := filepath.Abs(f.path)
	if err != nil || f.file == nil || f.lines == 0 {
		return ""
	}
	return path
}

// seal brings all lines to the disk, and proves that the file can get its name.
func (f *asideFile) seal() error {
	if f.file == nil || f.lines == 0 {
		return nil
	}
	if err := f.sync(); err != nil {
		return err
	}
	if err := f.mustBeFree(); err != nil {
		return fmt.Errorf("file for rows set aside: %w", err)
	}
	return nil
}

// name gives the file its name, when there is any line in it.
func (f *asideFile) name() error {
	if f.file == nil || f.lines == 0 {
		return nil
	}
	f.named = true // from now on nobody else knows its rows
	err := f.mustBeFree()
	if err == nil {
		err = os.Rename(f.part(), f.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(f.path))
	}
	if err != nil {
		return fmt.Errorf("the rows set aside are in %s, which could not be given its name: %w", f.part(), err)
	}
	return nil
}

// recover names the file of a port that was complete and was killed before it could do so.
func (f *asideFile) recover(path string) error {
	if path == "" {
		return nil
	}
	left := &asideFile{path: path}
	if _, err := os.Lstat(left.part()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := left.mustBeFree()
	if err == nil {
		err = os.Rename(left.part(), left.path)
	}
	return err
}

// syncFolder brings a new name to the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// close leaves the file when it is complete; the rows of an unfinished one are still in the source.
func (f *asideFile) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	if !f.named {
		err = errors.Join(err, os.Remove(f.part()))
	}
	return err
}

// original is a row of the source as it stands there, for the file.
func (r *run) original(
	ctx context.Context, reader *sqlite.Reader, table *tablePlan, rowid int64,
	findings []convert.Finding, decided convert.Class,
) (*asideLine, error) {
	line := &asideLine{Action: ActionRepaired, Table: table.name, RowID: rowid}
	for _, finding := range findings {
		if finding.Class.Bad() {
			line.Reasons = append(line.Reasons, asideReason{Column: table.columns[finding.Column].Name, Class: finding.Class})
		}
	}
	if decided != "" {
		line.Reasons = append(line.Reasons, asideReason{Class: decided})
	}
	if decided != "" || !convert.Sendable(findings) {
		line.Action = ActionSetAside
	}
	err := each(ctx, reader, func(rows *sqlite.Rows) error {
		if rows.Int64(0) == rowid {
			line.Row = originalRow(table, rows)
		}
		return nil
	}, table.query(table.rowid != ""), unit{table: table, low: rowid, high: rowid, whole: table.rowid == ""}.arguments()...)
	return line, err
}

func originalRow(table *tablePlan, rows *sqlite.Rows) map[string]json.RawMessage {
	row := map[string]json.RawMessage{}
	for i := range table.columns {
		row[table.columns[i].Name] = originalValue(rows, i+1)
	}
	return row
}

// originalValue writes a stored value so that nothing of it is lost.
func originalValue(rows *sqlite.Rows, column int) json.RawMessage {
	switch rows.Type(column) {
	case sqlite.Null:
		return json.RawMessage("null")
	case sqlite.Integer:
		return strconv.AppendInt(nil, rows.Int64(column), 10)
	case sqlite.Float:
		return quoteJSON(map[string]string{"real": strconv.FormatFloat(rows.Float64(column), 'g', -1, 64)})
	case sqlite.Text, sqlite.Blob: // below
	}
	value := rows.Append(column, nil)
	if rows.Type(column) == sqlite.Text && utf8.Valid(value) {
		return quoteJSON(string(value))
	}
	return quoteJSON(map[string]string{rows.Type(column).String() + "_base64": base64.StdEncoding.EncodeToString(value)})
}

func quoteJSON(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil { // strings and maps of strings always can be
		panic(err)
	}
	return text
}

// keyFromFields names a row of the target by its key, from its values in binary form.
func keyFromFields(table *tablePlan, values [][]byte) []KeyPart {
	keys := keyColumns(table)
	parts := make([]KeyPart, 0, len(keys))
	for _, key := range keys {
		if key < len(values) {
			parts = append(parts, keyPart(table.columns[key].Name, fieldText(table.columns[key].Kind, values[key])))
		}
	}
	return parts
}

func fieldText(kind convert.Kind, value []byte) string {
	switch {
	case value == nil:
		return "NULL"
	case kind == convert.Int2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(value))))
	case kind == convert.Int4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(value))))
	case kind == convert.Int8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(value)), 10)
	case kind == convert.Bytea, kind == convert.Float8, kind == convert.Bool:
		return fmt.Sprintf("x'%x'", value)
	}
	return showText(value[:min(len(value), shownBytes)], len(value) > shownBytes)
}
