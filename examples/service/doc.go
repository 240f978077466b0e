// Command service is a small web service that keeps its own tables with package schema: it gives long addresses short
// names. The schema is embedded; at the start the service creates its database or upgrades it, and refuses one that it must
// not touch. It never changes a table while it serves. Begin with schema.go, or run it:
//
//	go run ./examples/service
//	curl -X PUT -d https://go.dev/doc/ http://127.0.0.1:8080/docs
//	curl -i http://127.0.0.1:8080/docs
//
// Without more it keeps links.db, an SQLite file, in the current folder. For PostgreSQL, set SERVICE_POSTGRES to
// postgres://user:password@host/database; it is a variable, since everybody on a machine can read the flags of a process.
package main
