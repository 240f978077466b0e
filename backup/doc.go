// Package backup takes a whole homeserver into a repository while it runs, its databases, media, configuration and keys, proves what lies there, and
// brings it back into an empty place. It never changes the homeserver that it reads, never lists a backup that is not whole, and never writes over
// a database, a medium or a configuration that is there. Begin with OpenRepository, then Create, Verify, Prune or Restore.
//
// A repository is a folder:
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
// A restore writes, in this order: its mark into every database and folder that it fills; the tables, with schema_compat_version
// 2147483647 before any row, by which every homeserver refuses to start; rows, indexes and keys; sequences, a margin further; media; configuration; the
// proof, by the manifest's counts; the real schema_compat_version, in one transaction with the removal of the mark. A database that has
// tables is refused, but for one with the mark of the same backup: that is emptied of what the stopped restore made, and filled again.
package backup
