// Package backup takes a whole homeserver into a repository while it runs, its databases, media, configuration and keys, proves what lies there, and
// brings it back into an empty place. It never changes the homeserver that it reads, never lists a backup that is not whole, and never writes over
// a database, a medium or a configuration that is there. Begin with OpenRepository, then Create, Verify, Prune or Restore; with OpenPacked where backups are
// encrypted or lie in a bucket, and with CreateStream for a pipe.
//
// A plain repository is a folder:
//
//	synapse-backups.json          says that it is one: format, version, id; whoever works in it locks this file
//	backups/ID/manifest.json      one whole backup; ID is the time in UTC and a random end
//	backups/ID/manifest.sha256    the manifest's checksum, in the form of sha256sum
//	backups/ID/files/PATH         configuration and keys, below the absolute paths that they had
//	backups/ID/database/LABEL     a dump of pg_dump (directory format), or LABEL.db of SQLite
//	backups/ID/media.jsonl.zst    one line for each file of the media store: path, size, time, SHA-256
//	backups/.partial-ID/          a backup that is being made, or whose making was killed
//	backups/ID/verified.json      when all of it was last read and found whole
//	media/AB/SHA256               the content of media, once each, for all backups
//	damaged/SHA256                a content that was found damaged, and is stored anew by the next backup that can
//
// The order of writing: everything is read that can refuse; the databases, main before state; the media, since a homeserver writes
// a file before its row; configuration and keys; everything to the disk; the manifest with the SHA-256 of everything; the manifest to
// the disk; and then the folder gets its name. So a folder with a name is whole, and what a killed run leaves is one that begins with
// ".partial-", which the next run removes, and content in media/ that no backup names yet, which the next run uses.
//
// Pruning takes the names of backups away first, and then what no backup names any more.
//
// Creating and pruning take the lock for themselves; verifying and restoring share it. It is the system's own lock on the file
// synapse-backups.json, so that it ends with its process.
//
// A packed repository lies in a store.Store, a folder or a bucket, and has everything in packs (package pack), under the names that it has in a plain one:
//
//	synapse-backups.json             says that it is packed, and whether it is encrypted
//	key.age                          its own key, sealed by a passphrase, if there is one
//	packs/AB/RANDOM                  packs
//	backups/ID/manifest.json[.age]   the manifest
//	backups/ID/packs.json            which packs the backup has, with their sums, for who has no key
//	backups/ID/verified.json         when it was last read and found whole
//	damaged/RANDOM                   a pack that was found damaged, and is not used by the next backup
//
// Contents of media go from the media store into packs; everything else is put together in a staging folder first. The packs are stored, then the manifest, then
// packs.json, by which it is a backup. Packs that no packs.json names are what killed runs have left, and pruning removes them. Whoever creates or prunes
// has the store's lock; who only reads has none. A backup is restored by fetching what is needed of it, as a plain repository, from which Restore goes on.
//
// The next backup knows contents by the list of the one before and its packs.json, which are kept on the homeserver's machine, since it has no key to read them: a content
// is taken over if all of its packs are in the store, and at least half of each was live.
//
// A stream is a tar archive of a plain repository with one backup, whose manifest comes last.
//
// A restore writes, in this order: its mark into every database and folder that it fills; the tables, with schema_compat_version
// 2147483647 before any row, by which every homeserver refuses to start; rows, indexes and keys; sequences, a margin further; media; configuration; the
// proof, by the manifest's counts; the real schema_compat_version, in one transaction with the removal of the mark. A database that has
// tables is refused, but for one with the mark of the same backup: that is emptied of what the stopped restore made, and filled again.
package backup
