package checksum

// TableReport is a table of which both sides were summed up. The checksums are those of Sum.String.
type TableReport struct {
	Table          string `json:"table"`
	Rows           int64  `json:"rows"` // of the target
	SourceChecksum string `json:"source_checksum"`
	TargetChecksum string `json:"target_checksum"`
}

// Report is the report of a table.
func Report(table string, source, target Sum) TableReport {
	return TableReport{Table: table, Rows: target.Rows, SourceChecksum: source.String(), TargetChecksum: target.String()}
}
