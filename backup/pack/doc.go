// Package pack keeps files in packs: immutable, at most 16 MiB in the store, with names of chance, each a tar archive of its own, and each encrypted
// for itself by age (https://age-encryption.org/v1) if recipients are given. It never gives out anything of a pack that is not as it was stored,
// never writes outside of the folder that it is given, and knows nothing of backups. Begin with NewWriter; Read, or All, and NewJoiner go the other way.
//
// By hand, a pack is read by `age -d -i key.txt PACK | tar -x -C FOLDER`, or `tar -x -C FOLDER -f PACK` if it is not encrypted. A file that lies in
// several packs has members NAME.part-000001, NAME.part-000002 and so on: `cat NAME.part-* > NAME`. A file whose own name ends like that always
// has parts, so that no member can be taken for another.
//
// Packs are filled to the brim: a file that does not fit into what is left goes on in the next. The last one of a Writer is as long as it has to be; if it
// is encrypted, zeros behind the archive's end make its size in the store a multiple of 1 MiB, as they do with all others. So sizes tell how much
// there is, and nothing of the files. Members have no owner and no time: whoever needs them stores them as content.
//
// Memory: a Writer takes (2 + uploads) times 16 MiB, All takes readers times 32 MiB, Read 32 MiB, whatever the packs hold.
package pack
