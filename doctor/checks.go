package doctor

import (
	"slices"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/data"
	"github.com/synapsedb/synapse/doctor/file"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/mediafiles"
	"github.com/synapsedb/synapse/doctor/sequences"
	"github.com/synapsedb/synapse/doctor/server"
	"github.com/synapsedb/synapse/doctor/tables"
	"github.com/synapsedb/synapse/doctor/updates"
)

// Checks are all checks, in the order in which they are made.
func Checks() []finding.Check {
	return slices.Concat(connection.Checks(), server.Checks(), file.Checks(), tables.Checks(), updates.Checks(), sequences.Checks(), data.Checks(), mediafiles.Checks())
}

// fixes are all that can be mended.
func fixes() []finding.Fix {
	return slices.Concat(server.Fixes(), tables.Fixes(), sequences.Fixes())
}
