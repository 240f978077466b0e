package engine

import (
	"cmp"
	"slices"
)

// Sort puts the lists of a catalog into their order: tables by name, objects by name, then by type and table, byte by
// byte. The columns keep theirs.
func (c *Catalog) Sort() {
	slices.SortFunc(c.Tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Objects, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Table, b.Table))
	})
}
