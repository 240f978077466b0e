// Package tune advises on the settings of a PostgreSQL server that keeps a homeserver: what each is now, what it should be for the machine's
// memory, connections and storage, and why. It applies nothing. Begin with Advise; what it is given comes from Read and Memory.
package tune
