package cli

import (
	"github.com/spf13/cobra"
)

// updateScript is the name under which this program takes the place of upstream's script that upgrades a database.
const updateScript = "update_synapse_database"

const updateScriptHelp = `Upgrade the tables of a homeserver's databases, as "synapse upgrade" does, and with
--run-background-updates run the background updates afterwards, as "synapse updates run
--no-sleep" does. What only the homeserver can run stays pending, and is listed.

Exit status: that of the two commands; see "synapse upgrade --help".`

// updateDatabase is the upgrade command under the name and with the flags of upstream's script.
func (e *environment) updateDatabase() *cobra.Command {
	flags := &upgradeFlags{}
	var configuration string
	var run bool
	command := &cobra.Command{
		Use:     updateScript + " --database-config FILE",
		Short:   "Upgrade a homeserver's databases, and run their background updates",
		Long:    updateScriptHelp,
		Example: "  " + updateScript + " --database-config homeserver.yaml --run-background-updates",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "database-config"); err != nil {
				return err
			}
			flags.configs = []string{configuration}
			if err := e.runUpgrade(command.Context(), flags); err != nil || !run {
				return err
			}
			return e.runUpdates(command.Context(), &runFlags{updatesFlags: updatesFlags{configs: flags.configs}, noSleep: true})
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringVar(&configuration, "database-config", "", "homeserver.yaml, a `file` or a directory of .yaml files")
	set.BoolVar(&run, "run-background-updates", false, "run the background updates after the upgrade, without pauses")
	set.StringVar(&flags.schemaDir, "schema-dir", "",
		"`folder` synapse/storage/schema of the installed homeserver (looked for in the usual places of Debian, pip and Docker)")
	set.BoolVarP(&e.verbose, "verbose", "v", false, "say on standard error what is being done, in detail")
	return command
}
