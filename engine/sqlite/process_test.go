package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVariable makes the test binary play another process that works on the same database.
const roleVariable = "SQLITE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role, os.Args[1:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func play(role string, arguments []string) error {
	switch role {
	case "hold":
		return hold(arguments[0], arguments[1:])
	case "commit":
		return commitUntilClosed(arguments[0])
	case "count":
		return count(arguments[0], arguments[1])
	case "increment":
		return increment(arguments[0])
	case "peak":
		return peak(arguments[0])
	case "upgrade":
		return upgrade(arguments[0])
	case "lock":
		return holdLock(arguments[0])
	case "ledger":
		return keepLedger(arguments[0], arguments[1])
	case "backup":
		return backUp(arguments[0], arguments[1])
	case "fill-up":
		return fillUp(arguments[0], arguments[1])
	case "copy-read-only":
		return copyReadOnly(arguments[0], arguments[1], arguments[2])
	}
	return fmt.Errorf("no role %q", role)
}

// hold runs statements on one connection, says so, and keeps the connection until its input is closed or it is killed.
func hold(path string, statements []string) error {
	db, err := sql.Open("sqlite", fileURI(path))
	if err != nil {
		return err
	}
	connection, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := connection.ExecContext(context.Background(), statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	if err := connection.Close(); err != nil {
		return err
	}
	return db.Close()
}

// commitUntilClosed moves money between two tables in small transactions, so that their sum never changes, and
// reports how many it committed and the longest one in milliseconds.
func commitUntilClosed(path string) error {
	db, err := sql.Open("sqlite", fileURI(path)+"?_pragma=busy_timeout(5000)&_pragma=synchronous(off)&_txlock=immediate")
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	var longest time.Duration
	for commits := 0; ; commits++ {
		select {
		case <-closed:
			fmt.Println(commits, longest.Milliseconds())
			return db.Close()
		default:
		}
		start := time.Now()
		if err := transfer(db, commits); err != nil {
			return err
		}
		longest = max(longest, time.Since(start))
		if commits == 10 {
			fmt.Println("ready")
		}
	}
}

func transfer(db *sql.DB, number int) error {
	transaction, err := db.Begin()
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE a SET amount = amount - 1, filler = randomblob(2000) WHERE id = ?",
		"UPDATE b SET amount = amount + 1, filler = randomblob(2000) WHERE id = ?",
	} {
		if _, err := transaction.Exec(statement, number%100); err != nil {
			return err
		}
	}
	return transaction.Commit()
}

// count prints the first value of a query, read through a snapshot.
func count(path, query string) error {
	snapshot, err := OpenSnapshot(context.Background(), path, 2, quiet())
	if err != nil {
		return err
	}
	rows, err := snapshot.Reader(1).Query(context.Background(), query)
	if err != nil {
		return err
	}
	if _, err := rows.Next(); err != nil {
		return err
	}
	fmt.Println(rows.Int64(0))
	if err := snapshot.Unchanged(); err != nil {
		return err
	}
	return snapshot.Close()
}

// process is another process that plays a role.
type process struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
}

// start starts a process and adds whatever adjust does to its command.
func start(tb testing.TB, role string, adjust func(*exec.Cmd), arguments ...string) *process {
	tb.Helper()
	command := exec.CommandContext(tb.Context(), "/proc/self/exe", arguments...)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if adjust != nil {
		adjust(command)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	return &process{command: command, input: input, output: bufio.NewReader(output)}
}

// startHolding starts a process that has run the statements and keeps its connection.
func startHolding(tb testing.TB, path string, statements ...string) *process {
	tb.Helper()
	p := start(tb, "hold", nil, append([]string{path}, statements...)...)
	p.expect(tb, "ready")
	return p
}

// line returns the next line that the process prints.
func (p *process) line(tb testing.TB) string {
	tb.Helper()
	text, err := p.output.ReadString('\n')
	if err != nil {
		tb.Fatalf("the process printed %q and then: %v", text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

func (p *process) expect(tb testing.TB, want string) {
	tb.Helper()
	if got := p.line(tb); got != want {
		tb.Fatalf("the process printed %q, want %q", got, want)
	}
}

// kill ends the process as a crash does.
func (p *process) kill(tb testing.TB) {
	tb.Helper()
	if err := p.command.Process.Kill(); err != nil {
		tb.Fatal(err)
	}
	p.command.Wait() // reports the kill
}

// end closes the input of the process and waits until it has ended well.
func (p *process) end(tb testing.TB) {
	tb.Helper()
	if err := p.input.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		tb.Fatal(err)
	}
}
