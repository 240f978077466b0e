// Package create makes the roles and the empty databases that a homeserver's configuration names, as createuser and createdb would, and
// proves that the homeserver can use them. It never touches a role or a database that is there, and shows no password. Begin with Run.
package create
