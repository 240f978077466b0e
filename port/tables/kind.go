package tables

// kind is what the values of a column are. It decides the form in which a value goes from one engine to another, and in which both sides
// are compared.
type kind int

const (
	unknown   kind = iota
	anything       // SQLite: whatever a value is
	boolean        // "0" or "1"
	small          // MySQL's tinyint(1), which is a boolean where the other side has one, and an integer elsewhere
	integer        // decimal digits
	real32         // the shortest decimal that gives the same 32 bits
	real64         // the shortest decimal that gives the same 64 bits
	decimal        // digits, as the engine writes them
	text           // UTF-8
	bytea          // bytes
	date           // 2006-01-02
	clock          // 15:04:05.999999
	timestamp      // 2006-01-02 15:04:05.999999
	instant        // the same, UTC
	jsonText       // JSON of which the spelling counts
	jsonValue      // JSON of which the value counts
	uuid           // lower case, with hyphens
)

// common is the kind in which a value goes from a column of one kind to one of another; unknown where none holds all values exactly.
func common(from, to kind) kind {
	switch {
	case from == unknown || to == unknown:
		return unknown
	case from == to && from != small:
		return from
	case from == anything && to == small, from == small && to == anything, from == small && to == small:
		return integer
	case from == anything:
		return to
	case to == anything:
		return from
	}
	return mixed([2]kind{from, to})
}

// mixed gives the kind for two that differ.
func mixed(pair [2]kind) kind {
	for _, allowed := range []struct{ one, other, together kind }{
		{small, boolean, boolean},
		{small, integer, integer},
		{boolean, integer, integer},
		{real32, real64, real64},
		{integer, decimal, decimal},
		{jsonText, text, text},
		{jsonValue, text, jsonValue},
		{jsonValue, jsonText, jsonValue},
		{uuid, text, text},
		{timestamp, instant, instant},
	} {
		if pair == [2]kind{allowed.one, allowed.other} || pair == [2]kind{allowed.other, allowed.one} {
			return allowed.together
		}
	}
	return unknown
}

// column is a column of one side.
type column struct {
	name     string
	spelling string // of its type, for messages
	kind     kind
	notNull  bool
	// generated says that the engine computes it from other columns.
	generated bool
	// counter says that the engine numbers rows by it: an identity, a serial, AUTO_INCREMENT, AUTOINCREMENT.
	counter bool

	bits      int  // of an integer
	unsigned  bool // an integer
	length    int  // of a text in characters, or of bytes; 0 for any
	octets    int  // of a text in bytes; 0 for any
	padded    bool // spaces at the end of a text are lost
	exact     bool // bytes have to be as many as length
	precision int  // digits of a decimal; 0 for any
	scale     int  // of them behind the point
	fraction  int  // digits of a second's parts
	narrow    bool // an instant of 1970 to 2038 only
	affinity  affinity
	// equality is how keys compare.
	equality  equality
	collation string
}

// equality says which texts an engine takes for the same key.
type equality int

const (
	bytewise    equality = iota // only the same bytes
	spaceless                   // spaces at the end make no difference
	caseless                    // nor does the case of ASCII letters; spaces do
	ofCollation                 // whatever the server's collation says
)

// affinity is what SQLite does to a value that is stored in a column (https://www.sqlite.org/datatype3.html).
type affinity int

const (
	noAffinity affinity = iota // and on other engines
	textAffinity
	numericAffinity
	integerAffinity
	realAffinity
)

// key is a unique key; the primary one is the first.
type key struct {
	name    string
	primary bool
	columns []string
	parts   []int // how many characters of each column count; 0 for all
}

// table is a table of one side.
type table struct {
	name    string
	columns []*column
	keys    []key
	trees   []key // the columns of PostgreSQL's btree indexes, of which the keys must not be too long
}

func (t *table) column(name string) *column {
	for _, found := range t.columns {
		if found.name == name {
			return found
		}
	}
	return nil
}

// addKey adds a column to the key that was added last, or begins another one.
func addKey(keys []key, name string, primary bool, column string, part int) []key {
	last := len(keys) - 1
	if last < 0 || keys[last].name != name {
		keys = append(keys, key{name: name, primary: primary})
		last++
	}
	keys[last].columns, keys[last].parts = append(keys[last].columns, column), append(keys[last].parts, part)
	return keys
}
