package demo

// Kind says what is the matter with a bad value, in the words a port uses.
type Kind string

// The kinds of bad values.
const (
	// KindConverted is a value in another storage class that converts without loss;
	// some programs cannot take it all the same.
	KindConverted Kind = "converted"
	// KindNUL is U+0000 in a text.
	KindNUL Kind = "nul"
	// KindUTF8 is a text of bytes that are not UTF-8.
	KindUTF8 Kind = "invalid_utf8"
	// KindRange is a number the column cannot hold.
	KindRange Kind = "out_of_range"
	// KindFraction is a fraction in a column of integers.
	KindFraction Kind = "fraction"
	// KindNotNumber is a text in a column of integers.
	KindNotNumber Kind = "not_a_number"
	// KindNotBoolean is neither 0 nor 1 in a boolean column.
	KindNotBoolean Kind = "not_a_boolean"
	// KindTooLong is longer than varchar(n) allows.
	KindTooLong Kind = "too_long"
	// KindNull is NULL where only PostgreSQL forbids it.
	KindNull Kind = "null"
	// KindJSON is no JSON, in a jsonb column.
	KindJSON Kind = "invalid_json"
	// KindJSONEscape is an escape that jsonb refuses.
	KindJSONEscape Kind = "json_escape"
	// KindIndexKey is beyond the 2704 bytes of an index entry.
	KindIndexKey Kind = "index_key_too_long"
	// KindSearch is a text whose words exceed the 1 MB of a tsvector.
	KindSearch Kind = "search_too_long"
	// KindDuplicate is a second row for a key that is unique in PostgreSQL only.
	KindDuplicate Kind = "duplicate"
	// KindMissingParent is a row whose foreign key points to nothing.
	KindMissingParent Kind = "missing_parent"
	// KindRejected is refused by a CHECK that only PostgreSQL has.
	KindRejected Kind = "rejected"
)
