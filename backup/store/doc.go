// Package store keeps the files of a backup repository, whole and immutable, in a folder or in a bucket of an S3 service. It never shows a file of
// which only a part has arrived, never writes over one, knows nothing of what is in them, and shows no access key. Begin with OpenFolder or OpenS3.
//
// Writers keep each other out with Lock. In a folder that is the system's lock, which ends with its process. In a bucket it is the object lock.json,
// written with conditions (If-None-Match, If-Match), so that of several only one succeeds: a lease, which its holder renews, and which others may take over when it has run out by the clock of the server
// itself. A service that takes no notice of such conditions is refused.
package store
