package backup

import (
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// What hinders is of the types of package engine.
type (
	// ProblemID names a kind of problem.
	ProblemID = engine.ProblemID
	// Problem is one reason to refuse.
	Problem = engine.Problem
	// RefusedError lists what hinders; nothing was written.
	RefusedError = engine.RefusedError
)

// The problems.
const (
	FileMissing        ProblemID = "file_missing"         // that the configuration refers to
	FileUnreadable     ProblemID = "file_unreadable"      // for this user
	FileUnfit          ProblemID = "file_unfit"           // its name cannot be restored everywhere
	KeyInvalid         ProblemID = "key_invalid"          // the signing key is none
	DatabaseInMemory   ProblemID = "database_in_memory"   // there is nothing to copy
	DatabaseUnfit      ProblemID = "database_unfit"       // not reachable, or not a homeserver's
	DatabaseBusy       ProblemID = "database_busy"        // another session has a table for itself
	ProgramMissing     ProblemID = "program_missing"      // pg_dump or pg_restore, or they are too old
	RepositoryLocked   ProblemID = "repository_locked"    // another process works in it
	RepositoryReadOnly ProblemID = "repository_read_only" // it cannot be written to
	SpaceMissing       ProblemID = "space_missing"        // in the repository, or where it is restored to
	TargetNotEmpty     ProblemID = "target_not_empty"     // a database, a media store or a folder
	TargetOther        ProblemID = "target_other"         // another restore was begun there
	TargetUnfit        ProblemID = "target_unfit"         // encoding, locale, version, engine
	TargetMissing      ProblemID = "target_missing"       // a database of the backup has no place to go to
	FileThere          ProblemID = "file_there"           // another file is where one is restored to
	SigningKeyMissing  ProblemID = "signing_key_missing"  // the backup has none

	RepositoryPlain        ProblemID = "repository_plain"         // and a packed one is wanted
	RepositoryPacked       ProblemID = "repository_packed"        // and a plain one is wanted
	RepositoryEncrypted    ProblemID = "repository_encrypted"     // and nobody is named to encrypt for
	RepositoryNotEncrypted ProblemID = "repository_not_encrypted" // and a key is given
	PassphraseWrong        ProblemID = "passphrase_wrong"         // it does not open the repository's key
	PassphraseUnused       ProblemID = "passphrase_unused"        // the repository has no key of its own
	IdentityMissing        ProblemID = "identity_missing"         // to decrypt with
	IdentityWrong          ProblemID = "identity_wrong"           // it does not decrypt
	RecipientInvalid       ProblemID = "recipient_invalid"        // it is no public key of age
	IdentityInvalid        ProblemID = "identity_invalid"         // it is no file with private keys of age
	StagingUnfit           ProblemID = "staging_unfit"            // the folder for what is put together or fetched
)

func refuse(id ProblemID, what, hint string) error {
	return engine.Refuse(id, what, hint)
}

// DamagedError says that something in the repository is not as it was written.
type DamagedError struct {
	// Name is the file, below the repository or the backup.
	Name string
	// What is wrong with it.
	What string
}

// Error names the file and what is wrong.
func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.Name, e.What) }

// FormatError says that a newer program has written something.
type FormatError struct {
	Name   string
	Format int
}

// Error says which format it is.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s is of format %d, and this program knows format %d; use the newer version of it that wrote this", e.Name, e.Format, Format)
}

// NotFoundError says that there is no such backup.
type NotFoundError struct{ Repository, ID string }

// Error names the backup, or says that there is none at all.
func (e *NotFoundError) Error() string {
	if e.ID == "" {
		return "there is no backup in " + e.Repository
	}
	return fmt.Sprintf("there is no backup %q in %s; synapse backup list names those that are there", e.ID, e.Repository)
}
