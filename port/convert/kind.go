package convert

// Kind is how values of a column are encoded.
type Kind uint8

// The kinds that a port knows. Other types of a target are refused before the first write.
const (
	Unknown Kind = iota
	Bool
	Int2
	Int4
	Int8
	Float8
	Text
	Bytea
	JSON
	JSONB
)

// KindOf returns the kind of a PostgreSQL type by its name in pg_type; Unknown for one that is not known.
func KindOf(typeName string) Kind {
	return map[string]Kind{
		"bool": Bool, "int2": Int2, "int4": Int4, "int8": Int8, "float8": Float8,
		"text": Text, "varchar": Text, "bpchar": Text, "bytea": Bytea, "json": JSON, "jsonb": JSONB,
	}[typeName]
}

// Column is a column of the target that gets a value of the source.
type Column struct {
	Name    string
	Kind    Kind
	Length  int  // characters that fit; 0 when unlimited
	NotNull bool // refuses NULL
	Padded  bool // char(n): blanks at the end mean nothing
	Search  bool // text that is only indexed for search: U+0000 becomes a space, as upstream does there
}

// Class says what is the matter with a value.
type Class string

// What can be the matter with a value or a row.
const (
	ClassConverted     Class = "converted"          // stored in another class, converted without loss
	ClassNUL           Class = "nul"                // U+0000 in a text
	ClassUTF8          Class = "invalid_utf8"       // bytes that are not UTF-8 in a text
	ClassRange         Class = "out_of_range"       // a number that the column cannot hold
	ClassFraction      Class = "fraction"           // a fraction in an integer column
	ClassNotNumber     Class = "not_a_number"       // a text in a column of numbers
	ClassBlob          Class = "blob"               // a BLOB in a column of numbers or booleans
	ClassNotBoolean    Class = "not_a_boolean"      // neither 0 nor 1 in a boolean column
	ClassTooLong       Class = "too_long"           // longer than varchar(n)
	ClassNull          Class = "null"               // NULL where the target forbids it
	ClassJSON          Class = "invalid_json"       // no JSON in a json or jsonb column
	ClassJSONEscape    Class = "json_escape"        // \u0000 or a lone surrogate, which jsonb refuses
	ClassIndexKey      Class = "index_key_too_long" // over the 2704 bytes of a btree entry
	ClassSearch        Class = "search_too_long"    // to_tsvector makes more than 1 MB of it
	ClassDuplicate     Class = "duplicate"          // a second row for a unique key
	ClassMissingParent Class = "missing_parent"     // a foreign key without its parent
	ClassRejected      Class = "rejected"           // refused by the server for another reason
)

var descriptions = map[Class]string{
	ClassConverted:     "stored in another class, converts without loss",
	ClassNUL:           "U+0000 in a text",
	ClassUTF8:          "bytes that are not UTF-8 in a text",
	ClassRange:         "a number out of the column's range",
	ClassFraction:      "a fraction in an integer column",
	ClassNotNumber:     "text in a column of numbers",
	ClassBlob:          "a BLOB in a column of numbers or booleans",
	ClassNotBoolean:    "neither 0 nor 1 in a boolean column",
	ClassTooLong:       "longer than the column allows",
	ClassNull:          "NULL in a column that is NOT NULL",
	ClassJSON:          "not JSON",
	ClassJSONEscape:    `\u0000 or a lone surrogate in jsonb`,
	ClassIndexKey:      "too long for an index (2704 bytes)",
	ClassSearch:        "too long for the search index (1 MB)",
	ClassDuplicate:     "a second row for a unique key",
	ClassMissingParent: "its parent row is missing",
	ClassRejected:      "refused by the server",
}

// Description says in a few words what the class means.
func (c Class) Description() string { return descriptions[c] }

// Repairable reports whether a value of this class can be repaired in place, by U+FFFD;
// the others cost the whole row.
func (c Class) Repairable() bool {
	return c == ClassNUL || c == ClassUTF8 || c == ClassJSONEscape
}

// Bad reports whether a value of this class stops a port that repairs nothing.
func (c Class) Bad() bool { return c != ClassConverted }

// Finding is one thing that is the matter with a row.
type Finding struct {
	Column int // index in the encoder's columns; -1 for the row
	Class  Class
}
