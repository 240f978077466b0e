package tables

// Class says what is the matter with a value.
type Class string

// What can be the matter with a value or a row.
const (
	ClassNull       Class = "null"
	ClassNotBoolean Class = "not_a_boolean"
	ClassNotInteger Class = "not_an_integer"
	ClassNotNumber  Class = "not_a_number"
	ClassNotText    Class = "not_a_text"
	ClassLikeNumber Class = "like_a_number"
	ClassNotBytes   Class = "not_bytes"
	ClassNotTime    Class = "not_a_time"
	ClassNotUUID    Class = "not_a_uuid"
	ClassNUL        Class = "nul"
	ClassUTF8       Class = "invalid_utf8"
	ClassRange      Class = "out_of_range"
	ClassPrecision  Class = "too_precise"
	ClassTooLong    Class = "too_long"
	ClassPadding    Class = "padding"
	ClassJSON       Class = "invalid_json"
	ClassJSONEscape Class = "json_escape"
	ClassIndexKey   Class = "index_key_too_long"
	ClassDuplicate  Class = "duplicate"
)

// Description says in a few words what the class means.
func (c Class) Description() string {
	return map[Class]string{
		ClassNull:       "NULL in a column that is NOT NULL",
		ClassNotBoolean: "neither 0 nor 1 in a boolean column",
		ClassNotInteger: "no integer in a column of integers",
		ClassNotNumber:  "no number that the target keeps in a column of numbers",
		ClassNotText:    "no text in a column of texts",
		ClassLikeNumber: "a text that the column makes a number of",
		ClassNotBytes:   "no bytes in a column of bytes",
		ClassNotTime:    "no date or time that the target knows",
		ClassNotUUID:    "not a UUID in its usual form",
		ClassNUL:        "U+0000 in a text",
		ClassUTF8:       "bytes that are not UTF-8 in a text",
		ClassRange:      "a number or time out of the column's range",
		ClassPrecision:  "more digits than the column keeps",
		ClassTooLong:    "longer than the column or a packet of the server allows",
		ClassPadding:    "spaces or bytes at the end that the column adds or takes away",
		ClassJSON:       "not JSON, or JSON that the column would change",
		ClassJSONEscape: `\u0000 or half a surrogate pair in jsonb`,
		ClassIndexKey:   "too long for an index (2704 bytes)",
		ClassDuplicate:  "a key that the target takes for another row's",
	}[c]
}
