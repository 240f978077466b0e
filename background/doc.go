// Package background migrates data beside a running server: the rows of background_updates, each a named piece of work that
// is done in batches, can be interrupted at any moment and goes on where it was. The work of a batch and the progress it
// makes are one transaction, so a batch is never done twice and never lost; the package never touches a table of its own
// accord, never runs one database's updates in two processes, and never guesses at a name it has no handler for. Begin with
// NewRegistry, Register a Handler for each name, and Run the Updater that New makes.
package background
