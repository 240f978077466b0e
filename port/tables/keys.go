package tables

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/synapsedb/synapse/engine"
)

// check looks at all rows of a table together.
type check interface {
	note(values [][]byte)
	// finish comes after the last row.
	finish(ctx context.Context, s *scan) error
}

// places are where the columns of a key are in a table's rows; ok is false when one is not copied.
func (p *pair) places(of key) (places []int, ok bool) {
	for _, name := range of.columns {
		place := slices.IndexFunc(p.columns, func(c pairedColumn) bool { return c.target.name == name })
		if place < 0 {
			return nil, false
		}
		places = append(places, place)
	}
	return places, true
}

// checks are those that a table of the target needs.
func (m *move) checks(table *pair) (checks []check) {
	for _, key := range table.target.keys {
		if found := m.keyCheck(table, key); found != nil {
			checks = append(checks, found)
		}
	}
	for _, tree := range table.target.trees {
		if places, ok := table.places(tree); ok {
			checks = append(checks, &treeCheck{move: m, table: table, columns: places, name: tree.name})
		}
	}
	return checks
}

// keyCheck finds rows whose keys are different in the source, and equal for the target.
type keyCheck struct {
	move     *move
	table    *pair
	key      key
	columns  []int
	equality equality
	// altered are the hashes of keys that are written otherwise than they are compared: only with one of these can another one clash.
	altered map[xxh3.Uint128]struct{}
}

// keyCheck is the check of a key; nil for one of which only equal bytes are equal.
func (m *move) keyCheck(table *pair, of key) *keyCheck {
	places, ok := table.places(of)
	if !ok {
		return nil
	}
	check := &keyCheck{move: m, table: table, key: of, columns: places, altered: map[xxh3.Uint128]struct{}{}}
	for i, place := range places {
		check.equality = max(check.equality, table.columns[place].target.equality)
		if of.parts[i] > 0 {
			check.equality = ofCollation
		}
	}
	if check.equality == bytewise {
		return nil
	}
	return check
}

// folded is a key as the target compares it; ok is false for one with NULL, which is equal to none.
func (k *keyCheck) folded(values [][]byte) (folded []byte, altered, ok bool) {
	for _, i := range k.columns {
		value, how := values[i], k.table.columns[i].target.equality
		if value == nil {
			return nil, false, false
		}
		same := value
		switch how {
		case spaceless:
			same = bytes.TrimRight(value, " ")
		case caseless:
			same = lowerASCII(value)
		case bytewise, ofCollation:
		}
		altered = altered || !bytes.Equal(same, value)
		folded = binary.BigEndian.AppendUint32(folded, uint32(len(same)))
		folded = append(folded, same...)
	}
	return folded, altered, true
}

func lowerASCII(value []byte) []byte {
	return bytes.Map(func(letter rune) rune {
		if letter >= 'A' && letter <= 'Z' {
			return letter + 'a' - 'A'
		}
		return letter
	}, value)
}

// note takes down a row's key.
func (k *keyCheck) note(values [][]byte) {
	if k.equality == ofCollation {
		return
	}
	if folded, altered, ok := k.folded(values); ok && altered {
		k.altered[xxh3.Hash128(folded)] = struct{}{}
	}
}

// finish reads the table once more if keys may clash.
func (k *keyCheck) finish(ctx context.Context, s *scan) error {
	if k.equality == ofCollation {
		return k.ask(ctx, s)
	}
	if len(k.altered) == 0 {
		return nil
	}
	first := map[xxh3.Uint128]string{}
	return k.eachRow(ctx, func(read *row) error {
		folded, _, ok := k.folded(read.values)
		if !ok {
			return nil
		}
		hash := xxh3.Hash128(folded)
		if _, may := k.altered[hash]; !may {
			return nil
		}
		if other, clash := first[hash]; clash {
			s.add(k.table, read.values, k.columns[0], ClassDuplicate, k.clashWords(other))
			return nil
		}
		first[hash] = k.shown(read.values)
		return nil
	})
}

func (k *keyCheck) eachRow(ctx context.Context, take func(*row) error) error {
	source := k.move.source
	return source.each(ctx, source.session, k.table, ofSource, take)
}

func (k *keyCheck) clashWords(other string) string {
	if other == "" {
		other = "that of another row"
	}
	return "for the key " + k.key.name + " it is equal to " + other
}

// shown is a key for people.
func (k *keyCheck) shown(values [][]byte) string {
	var parts []string
	for _, i := range k.columns {
		parts = append(parts, shown(k.table.columns[i].kind, values[i]))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

const keysTable = "synapse_port_keys"

// ask puts the keys into a temporary table of the target, whose server alone knows which it takes for equal.
func (k *keyCheck) ask(ctx context.Context, s *scan) error {
	target, session := k.move.target, k.move.target.session
	var names, parts []string
	for i, name := range k.key.columns {
		quoted := target.quote(name)
		names = append(names, quoted)
		if k.key.parts[i] > 0 {
			quoted += "(" + strconv.Itoa(k.key.parts[i]) + ")"
		}
		parts = append(parts, quoted)
	}
	list := strings.Join(names, ", ")
	for _, statement := range []string{
		"DROP TEMPORARY TABLE IF EXISTS " + keysTable,
		"CREATE TEMPORARY TABLE " + keysTable + " SELECT " + list + " FROM " + target.quote(k.table.name) + " WHERE false",
		"ALTER TABLE " + keysTable + " ADD UNIQUE KEY (" + strings.Join(parts, ", ") + ")",
	} {
		if _, err := session.Exec(ctx, statement); err != nil {
			return err
		}
	}
	insert := "INSERT IGNORE INTO " + keysTable + " (" + list + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ") + ")"
	find := "SELECT " + list + " FROM " + keysTable + " WHERE " + strings.Join(names, " = ? AND ") + " = ?"
	return k.eachRow(ctx, func(read *row) error {
		arguments := k.arguments(read)
		if arguments == nil {
			return nil
		}
		inserted, err := session.Exec(ctx, insert, arguments...)
		if err != nil || inserted == 1 {
			return err
		}
		other, err := k.other(ctx, session, find, arguments)
		s.add(k.table, read.values, k.columns[0], ClassDuplicate, k.clashWords(other))
		return err
	})
}

// arguments are the values of a key; nil for one that is NULL or does not fit.
func (k *keyCheck) arguments(read *row) (arguments []any) {
	for _, i := range k.columns {
		c := &k.table.columns[i]
		if read.values[i] == nil || read.classes[i] != "" || acceptValue(k.move.target.dialect, c.target, c.kind, read.values[i]) != "" {
			return nil
		}
		arguments = append(arguments, bind(c.kind, read.values[i]))
	}
	return arguments
}

// other is the key that another one is equal to.
func (k *keyCheck) other(ctx context.Context, session engine.Session, find string, arguments []any) (words string, err error) {
	found, places := make([][]byte, len(arguments)), make([]any, len(arguments))
	for i := range found {
		places[i] = &found[i]
	}
	err = engine.Each(ctx, session, find, arguments, func(scan func(...any) error) error {
		if err := scan(places...); err != nil {
			return err
		}
		var parts []string
		for _, value := range found {
			parts = append(parts, shown(text, value))
		}
		words = "(" + strings.Join(parts, ", ") + ")"
		return nil
	})
	return words, err
}
