package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// bucket makes one, whose name and service are BUCKET and ENDPOINT then, with the keys of access where AWS's own tools have them.
func bucket(ts *testscript.TestScript, _ bool, _ []string) {
	t := testOf(ts)
	service := dbtest.S3(t)
	ts.Setenv("BUCKET", dbtest.NewBucket(t))
	ts.Setenv("ENDPOINT", service.Endpoint())
	ts.Check(os.MkdirAll(ts.MkAbs(".aws"), 0o700))
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", service.AccessKey(), service.SecretKey())
	ts.Check(os.WriteFile(ts.MkAbs(filepath.Join(".aws", "credentials")), []byte(text), 0o600))
}

// key makes a file with a private key, as age-keygen does. The public one is RECIPIENT then.
func key(ts *testscript.TestScript, _ bool, args []string) {
	identity, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(identity.String()+"\n"), 0o600))
	ts.Setenv("RECIPIENT", identity.Recipient().String())
}

// fed is like exits, with a file as standard input.
func fed(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.Atoi(args[1])
	ts.Check(err)
	input, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer input.Close()
	command, stdout, stderr := program(ts, args[2:])
	command.Stdin = input
	err = command.Run()
	finish(ts, command, stdout, stderr, err, code)
}

// cut is like exits, with a reader of standard output that has gone.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	reader, writer, err := os.Pipe()
	ts.Check(err)
	ts.Check(reader.Close())
	command, stdout, stderr := program(ts, args[1:])
	command.Stdout = writer
	err = command.Run()
	ts.Check(writer.Close())
	finish(ts, command, stdout, stderr, err, code)
}
