package port

// changes are the rows of a table that differ from the source's.
type changes struct{}

func (t *tablePlan) differs() bool { return t.changes != nil }

func (b *rebuild) apply(table *tablePlan, progress *TableProgress) {}
