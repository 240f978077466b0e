// Package postgres connects to PostgreSQL the way the Python homeserver's
// configuration asks for it: arguments written for libpq keep their meaning,
// transactions that PostgreSQL wants repeated are repeated, and a server or a
// database that must not be used is recognised before the first write. It
// never sends a key it does not know on to the server, and never puts a
// password into an error, a log or a printed value. Begin with ParseArgs, then
// Open, Config.Connect or, to change a schema, Config.OpenSession, then Check.
package postgres
