package sqlite

import "bytes"

// signatures are the files that people name by mistake, by how they begin.
func signatures() map[string]string {
	return map[string]string{
		"\x28\xb5\x2f\xfd":  "it is compressed: unpack it with zstd -d first",
		"\x1f\x8b":          "it is compressed: unpack it with gunzip first",
		"BZh":               "it is compressed: unpack it with bunzip2 first",
		"\xfd7zXZ\x00":      "it is compressed: unpack it with unxz first",
		"PK\x03\x04":        "it is a zip archive: unpack it first",
		"PGDMP":             "it is a PostgreSQL dump: restore it with pg_restore",
		"PRAGMA ":           "it is SQL text: load it into a database with sqlite3 first",
		"BEGIN TRANSACTION": "it is SQL text: load it into a database with sqlite3 first",
		"--":                "it is SQL text: load it into a database first",
		"** This file":      "it is a database of SQLite 2: convert it with sqlite .dump and sqlite3 first",
	}
}

// foreign says what a file without SQLite's header most likely is.
func foreign(path string, start []byte, size int64) error {
	for signature, hint := range signatures() {
		if bytes.HasPrefix(start, []byte(signature)) {
			return &FileError{Path: path, Problem: Foreign, Hint: hint}
		}
	}
	if size%512 == 0 && len(start) == headerSize && !printable(start) {
		return &FileError{Path: path, Problem: Encrypted,
			Hint: "check the path; if it is encrypted (SQLCipher, SEE), export it to a plain database first"}
	}
	return &FileError{Path: path, Problem: Foreign, Hint: "check the path: a database begins with the words “SQLite format 3”"}
}

func printable(text []byte) bool {
	for _, character := range text {
		if character < ' ' && character != '\n' && character != '\r' && character != '\t' || character > '~' {
			return false
		}
	}
	return true
}
