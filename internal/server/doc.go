// Package server starts private, throw-away database servers and S3 services: for the demo, for the drill that proves a
// backup can be restored, and for tests. It never listens on an address other machines can reach, never runs a server as root, never
// touches a server it did not start, and leaves neither a process nor a folder behind, even when its own process is
// killed. Begin with StartPostgres, StartMariaDB or StartS3, and Stop.
package server
