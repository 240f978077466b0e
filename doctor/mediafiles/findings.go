package mediafiles

import (
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
)

func (d *difference) findings() (found []finding.Finding) {
	if d.missing.count > 0 {
		one := d.kind.missing
		one.What = fmt.Sprintf("%s: %d of them, in %s", one.What, d.missing.count, d.kind.folder)
		one.Evidence = d.missing.evidence()
		found = append(found, one)
	}
	if d.sizes.count > 0 {
		found = append(found, finding.Finding{
			ID: FileSize, Severity: d.kind.missing.Severity, Evidence: d.sizes.evidence(),
			What:    fmt.Sprintf("files of another size than their rows say: %d of them, in %s", d.sizes.count, d.kind.folder),
			Meaning: "they were cut off, as by a full disk or a crash, or written by something else",
			Remedy:  finding.Remedy{Text: "restore these files from a backup of the media store; what is not of this server can be deleted, and is fetched again"},
		})
	}
	if d.closed.count > 0 {
		found = append(found, finding.Finding{
			ID: FolderSkipped, Severity: finding.Info, Evidence: d.closed.evidence(),
			What:    fmt.Sprintf("parts of %s were not looked at: %d", d.kind.folder, d.closed.count),
			Meaning: "whether the files of the rows there exist is not known",
			Remedy:  finding.Remedy{Text: "check as the homeserver's user; where a symbolic link is meant to be there, nothing has to be done"},
		})
	}
	return found
}

// surplus is what all kinds together have too much of.
type surplus struct {
	files    int64
	bytes    int64
	evidence []string
}

func (s *surplus) add(d *difference) {
	if d.surplus.count == 0 {
		return
	}
	s.files += d.surplus.count
	s.bytes += d.surplusBytes
	s.evidence = append(s.evidence, fmt.Sprintf("%s: %d of %d files, %d bytes, such as %s", d.kind.folder, d.surplus.count, d.fileCount, d.surplusBytes, d.surplus.first[0]))
}

func (s *surplus) findings() []finding.Finding {
	if s.files == 0 {
		return nil
	}
	return []finding.Finding{{
		ID: FileWithoutRow, Severity: finding.Info, Evidence: s.evidence,
		What:    fmt.Sprintf("files of the media store that no row knows: %d, with %d bytes", s.files, s.bytes),
		Meaning: "they take up space and nobody can see them; a file that was just uploaded has its row a moment later, and a database that was restored lacks the rows of later uploads",
		Remedy:  finding.Remedy{Text: "if the database was not restored from a backup, move them elsewhere, and delete them when nothing is missed"},
	}}
}
