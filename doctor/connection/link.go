package connection

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// patience is how long a dead connection may hang before it is worth a warning.
const patience = 5 * time.Minute

// Argument is a key of database.args with a value to give it.
type Argument struct {
	Key   string
	Value int
}

// Keepalives are what to write into database.args, in seconds: a dead connection is then noticed within 40.
func Keepalives() []Argument {
	return []Argument{{"keepalives_idle", 10}, {"keepalives_interval", 10}, {"keepalives_count", 3}}
}

func keepalives(link postgres.Link, remote string) []finding.Finding {
	var found []finding.Finding
	hang, known := hanging(link)
	if !known || hang > patience {
		found = append(found, finding.Finding{
			ID: KeepalivesSlow, Severity: finding.Warning,
			What:    fmt.Sprintf("a connection to %s that has died is noticed %s", remote, whenNoticed(hang, known)),
			Meaning: "when the server's machine, the network or a firewall forgets a connection without a word, each request of the homeserver on it waits that long",
			Evidence: []string{fmt.Sprintf("keepalives %s, idle %s, interval %s, count %s", onOff(link.Keepalives), given(link.KeepalivesIdle),
				given(link.KeepalivesInterval), givenNumber(link.KeepalivesCount))},
			Remedy: finding.Remedy{Text: "write into database.args: " + written(Keepalives())},
		})
	}
	if link.TCPUserTimeout == 0 {
		found = append(found, finding.Finding{
			ID: UserTimeoutMissing, Severity: finding.Info,
			What:     "no tcp_user_timeout is set for connections to " + remote,
			Meaning:  "keepalives are not sent while something sent waits to be acknowledged: a statement that was on its way when the network broke hangs some 15 minutes on Linux",
			Evidence: []string{"tcp_user_timeout is not among the arguments"},
			Remedy:   finding.Remedy{Text: "write into database.args: tcp_user_timeout: 40000 (milliseconds)"},
		})
	}
	return found
}

// hanging is how long an idle connection, or one that waits for an answer, can be dead unnoticed; false is for ever.
func hanging(link postgres.Link) (time.Duration, bool) {
	if !link.Keepalives {
		return 0, false
	}
	idle := cmp.Or(link.KeepalivesIdle, systemSeconds("time", 2*time.Hour))
	interval := cmp.Or(link.KeepalivesInterval, systemSeconds("intvl", 75*time.Second))
	if link.TCPUserTimeout > 0 { // Linux then counts by it, not by the number of probes
		return idle + max(interval, link.TCPUserTimeout), true
	}
	count := cmp.Or(link.KeepalivesCount, int(systemSeconds("probes", 9*time.Second)/time.Second))
	return idle + time.Duration(count)*interval, true
}

// systemSeconds is a default of this machine, or that of Linux.
func systemSeconds(name string, otherwise time.Duration) time.Duration {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_keepalive_" + name)
	seconds, notNumber := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || notNumber != nil {
		return otherwise
	}
	return time.Duration(seconds) * time.Second
}

func whenNoticed(hang time.Duration, known bool) string {
	if !known {
		return "never, as long as nothing is sent on it"
	}
	return "after " + hang.Round(time.Second).String()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func given(seconds time.Duration) string { return givenNumber(int(seconds / time.Second)) }

func givenNumber(value int) string {
	if value == 0 {
		return "the system's default"
	}
	return strconv.Itoa(value)
}

func written(arguments []Argument) string {
	var texts []string
	for _, argument := range arguments {
		texts = append(texts, fmt.Sprintf("%s: %d", argument.Key, argument.Value))
	}
	return strings.Join(texts, ", ")
}

const encryptionSQL = `SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)`

func encryption(ctx context.Context, from engine.Querier) (encrypted bool, err error) {
	err = from.QueryRow(ctx, encryptionSQL).Scan(&encrypted)
	return encrypted, err
}

func unverified(link postgres.Link, remote string, encrypted bool) []finding.Finding {
	if !slices.Contains([]string{"disable", "allow", "prefer"}, link.SSLMode) {
		return nil
	}
	state := "is not encrypted"
	if encrypted {
		state = "is encrypted, which sslmode does not insist on"
	}
	return []finding.Finding{{
		ID: Unverified, Severity: finding.Info,
		What:     fmt.Sprintf("the connection to %s %s", remote, state),
		Meaning:  "whoever is on the network in between can read the homeserver's data, or take the server's place: sslmode " + link.SSLMode + " accepts a server without TLS and verifies nothing",
		Evidence: []string{"sslmode " + link.SSLMode},
		Remedy:   finding.Remedy{Text: "write into database.args: sslmode: verify-full, and sslrootcert: the file of the authority that signed the server's certificate; sslmode: require encrypts without verifying"},
	}}
}

// expiry is how long before its end a certificate is worth a warning.
const expiry = 30 * 24 * time.Hour

func certificate(path string) []finding.Finding {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil // this session could do without it
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil || time.Until(parsed.NotAfter) > expiry {
		return nil
	}
	result := finding.Finding{
		ID: CertificateExpires, Severity: finding.Warning, What: "the client's certificate expires on " + parsed.NotAfter.Format(time.DateOnly),
		Meaning:  "from then on the server refuses every new connection that needs it",
		Evidence: []string{path, "valid until " + parsed.NotAfter.UTC().Format(time.RFC3339)},
		Remedy:   finding.Remedy{Text: "renew the certificate in this file, and restart the homeserver"},
	}
	if time.Until(parsed.NotAfter) < 0 {
		result.ID, result.Severity = CertificateUnusable, finding.Error
		result.What = "the client's certificate has expired on " + parsed.NotAfter.Format(time.DateOnly)
		result.Meaning = "the server refuses every new connection that needs it"
	}
	return []finding.Finding{result}
}
