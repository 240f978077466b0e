package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// checkRights goes by the modes of the files, as the homeserver is seldom the user who asks.
func checkRights(_ context.Context, _ engine.Querier, path string) ([]finding.Finding, error) {
	file, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	found := unwritable(path, file, folder)
	others, err := otherOwners(path, file)
	if err != nil {
		return nil, err
	}
	found = append(found, others...)
	if file.Mode()&0o004 != 0 && othersMayEnter(filepath.Dir(path)) {
		found = append(found, finding.Finding{
			ID: OthersMayRead, Severity: finding.Info, What: "every user of this machine may read the database", Evidence: []string{fmt.Sprintf("%s has mode %s", path, file.Mode())},
			Meaning: "it holds hashes of passwords, access tokens, and all messages that are not encrypted",
			Remedy:  finding.Remedy{Text: "take the right away", Commands: []string{"chmod o-rwx " + shellWord(path)}},
		})
	}
	return append(found, mounted(path)...), nil
}

// unwritable asks for the file's owner, who is the homeserver unless somebody has mixed it up.
func unwritable(path string, file, folder fs.FileInfo) []finding.Finding {
	var evidence, commands []string
	if !ownerMayWrite(file, file) {
		evidence = append(evidence, fmt.Sprintf("%s has mode %s", path, file.Mode()))
		commands = append(commands, "chmod u+rw "+shellWord(path))
	}
	if !ownerMayWrite(file, folder) {
		evidence = append(evidence, fmt.Sprintf("%s has mode %s", filepath.Dir(path), folder.Mode()))
		commands = append(commands, "chmod u+rwx "+shellWord(filepath.Dir(path)))
	}
	if len(evidence) == 0 {
		return nil
	}
	return []finding.Finding{{
		ID: NotWritable, Severity: finding.Error, What: "the owner of the file may not write to it, or to its folder", Evidence: evidence,
		Meaning: "a homeserver that runs as that user does not start: it needs to write to the file, and to make a journal beside it",
		Remedy:  finding.Remedy{Text: "give the user as whom the homeserver runs the file and its folder", Commands: commands},
	}}
}

// otherOwners finds what a sqlite3 of another user, such as root, has left beside the file.
func otherOwners(path string, file fs.FileInfo) ([]finding.Finding, error) {
	var evidence, commands []string
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		beside, err := os.Stat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !ownerMayWrite(file, beside) {
			evidence = append(evidence, fmt.Sprintf("%s has mode %s, and the owner of %s may not write to it", path+suffix, beside.Mode(), filepath.Base(path)))
			commands = append(commands, "chown --reference="+shellWord(path)+" "+shellWord(path+suffix), "chmod --reference="+shellWord(path)+" "+shellWord(path+suffix))
		}
	}
	if len(evidence) == 0 {
		return nil, nil
	}
	return []finding.Finding{{
		ID: OtherOwner, Severity: finding.Error, What: "a file beside the database belongs to somebody else", Evidence: evidence,
		Meaning: "the homeserver cannot write (\"attempt to write a readonly database\")",
		Remedy:  finding.Remedy{Text: "give it to the owner of the database, and never delete it", Commands: commands},
	}}, nil
}

// othersMayEnter reports whether everybody can get into a folder.
func othersMayEnter(folder string) bool {
	for {
		info, err := os.Stat(folder)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if filepath.Dir(folder) == folder {
			return true
		}
		folder = filepath.Dir(folder)
	}
}
