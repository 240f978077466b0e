package file

import "github.com/synapsedb/synapse/doctor/finding"

// mounted says when a file is on a file system that other machines share.
func mounted(path string) []finding.Finding {
	name, network := fileSystem(path)
	if name == "" {
		return nil
	}
	return []finding.Finding{describeMount(path, name, network)}
}

// describeMount takes whether the file system is one of a network for sure.
func describeMount(path, name string, network bool) finding.Finding {
	result := finding.Finding{
		ID: NetworkMount, Severity: finding.Warning, What: "the file is on a network file system", Evidence: []string{path + " is on " + name},
		Meaning: "locks and the shared memory of WAL mode do not work there as SQLite needs them: two processes damage the file (https://www.sqlite.org/useovernet.html)",
		Remedy:  finding.Remedy{Text: "move the file to a disk of the machine on which the homeserver runs, or the database to PostgreSQL (synapse port)"},
	}
	if !network {
		result.Severity, result.What = finding.Info, "the file is on a file system that may be one of a network"
	}
	return result
}
