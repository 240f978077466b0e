// Package mysql opens MariaDB and MySQL: a pool for a server's work, and sessions on which a schema is created or changed.
// It never starts a server, never puts a password into a message, and never writes before it knows that the server, the
// database and their settings will do. Begin with ParseURL, then Config.OpenSession or Open.
package mysql
