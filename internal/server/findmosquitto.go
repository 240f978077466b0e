package server

import (
	"os"
	"path/filepath"
	"slices"
)

// MosquittoFolderVariable is the environment variable that names the folder of Mosquitto's broker. Where it is set, no other place is searched.
const MosquittoFolderVariable = "SYNAPSE_MOSQUITTO_BIN"

// mosquittoPrograms are the broker and what makes its file of passwords.
type mosquittoPrograms struct {
	broker, passwords string
}

// mosquittoFolders returns where distributions put Mosquitto's programs: Debian, Ubuntu, Fedora and Alpine, a build from source, Homebrew on both processors, and Arch.
func mosquittoFolders() []string {
	return []string{
		"/usr/sbin",
		"/usr/local/sbin",
		"/opt/homebrew/sbin",
		"/opt/homebrew/opt/mosquitto/sbin",
		"/usr/local/opt/mosquitto/sbin",
		"/usr/bin",
		"/usr/local/bin",
	}
}

// findMosquitto returns the programs in folder; without a folder, those of the one the environment names; without that, of the first of PATH and the usual places.
func findMosquitto(folder string) (mosquittoPrograms, error) {
	if folder == "" {
		folder = os.Getenv(MosquittoFolderVariable)
	}
	patterns := []string{folder}
	if folder == "" {
		patterns = append(filepath.SplitList(os.Getenv("PATH")), mosquittoFolders()...)
	}
	for _, pattern := range patterns {
		for _, folder := range newestFirst(pattern) {
			if found, ok := mosquittoIn(folder); ok {
				return found, nil
			}
		}
	}
	if folder == "" {
		patterns = slices.Insert(mosquittoFolders(), 0, "PATH")
	}
	return mosquittoPrograms{}, &NotInstalledError{Product: "Mosquitto", Looked: patterns, Hint: mosquittoHint(systemFamily())}
}

// mosquittoIn looks for Mosquitto. What makes passwords is often in another folder than the broker.
func mosquittoIn(folder string) (mosquittoPrograms, bool) {
	const broker, passwords = "mosquitto", "mosquitto_passwd"
	here := installation{folder: folder}
	if !here.has(broker) {
		return mosquittoPrograms{}, false
	}
	for _, beside := range []string{".", "../bin", "../../bin"} {
		other := installation{folder: filepath.Join(folder, beside)}
		if other.has(passwords) {
			return mosquittoPrograms{broker: here.program(broker), passwords: other.program(passwords)}, true
		}
	}
	return mosquittoPrograms{}, false
}
