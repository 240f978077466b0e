// Command synapse looks after the database of a server.
package main

import (
	"os"

	"github.com/synapsedb/synapse/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdout, os.Stderr)) }
