package connection_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// checkVariable has the test binary check a database, of these arguments in JSON, instead of running tests.
const checkVariable = "SYNAPSE_TEST_CHECK"

// checkAlone prints the report of a check.
func checkAlone(arguments string) error {
	var given args
	if err := json.Unmarshal([]byte(arguments), &given); err != nil {
		return err
	}
	config, _, err := postgres.ParseArgs(given)
	if err != nil {
		return err
	}
	report, err := doctor.Check(context.Background(), doctor.Options{Databases: []doctor.Database{{Label: "master", Postgres: config}}})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// checkAsServersAccount checks as the user that the server runs as: the tests may be root's, whom no file is closed to.
func checkAsServersAccount(t *testing.T, given args) (report doctor.Report) {
	t.Helper()
	arguments, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), ownProgram(t))
	command.Env, command.Dir, command.Stderr = append(os.Environ(), checkVariable+"="+string(arguments)), "/", t.Output()
	if os.Getuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return report
}

// ownProgram is a copy of the test binary that every user may run.
func ownProgram(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dbtest.NewServerFolder(t), "check")
	for _, err := range []error{os.WriteFile(path, program, 0o600), os.Chmod(path, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestASocketThatIsClosedIsExplained(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	given := p.socket("postgres", args{"port": fmt.Sprint(p.Port())})
	change := func(mode os.FileMode) {
		if err := os.Chmod(p.SocketDir(), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { change(0o700) })
	change(0)
	closed := checkAsServersAccount(t, given)
	if len(closed.Findings) != 1 || closed.Findings[0].ID != connection.ID(postgres.FailedSocketForbidden) || closed.Findings[0].Severity != finding.Error {
		t.Errorf("%+v", closed.Findings)
	}
	change(0o700)
	for _, one := range checkAsServersAccount(t, given).Findings {
		if one.Severity == finding.Error {
			t.Errorf("%+v", one)
		}
	}
}
