// Package server starts private, throw-away database servers, S3 services and MQTT brokers: for the demo, for the drill that proves a
// backup can be restored, and for tests. It never listens on an address other machines can reach, never runs a server as root, never
// touches a server it did not start, and leaves neither a process nor a folder behind, even when its own process is
// killed. Begin with StartPostgres, StartMariaDB, StartS3 or StartMosquitto, and Stop.
package server
