// Package synapse opens the databases of a server: it brings each to the schema that the code expects, or refuses it,
// and hands out the logical databases. It never upgrades one database while another is refused, and never knows a driver.
// Begin with Open.
package synapse
