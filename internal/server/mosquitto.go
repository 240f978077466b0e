package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// MosquittoOptions describes a private MQTT broker. The zero value is one that lets everybody on this machine in, without TLS, and forgets everything with a restart.
type MosquittoOptions struct {
	// BinFolder holds mosquitto. Empty: the folder in SYNAPSE_MOSQUITTO_BIN, then PATH, then the usual places.
	BinFolder string
	// Users are the passwords by name, without colons. Without any, no password is asked for.
	Users map[string]string
	// CertFile and KeyFile are the broker's own certificate and key (PEM). With them it speaks TLS only.
	CertFile, KeyFile string
	// ClientCAFile is the authority of the certificates (PEM) that clients have to show.
	ClientCAFile string
	// Persistent makes the broker keep retained messages when it is stopped in order, and have them again after a Restart.
	Persistent bool
	// ACL are lines of the file that says who may read and write which topics. Without any, everybody may everything.
	ACL []string
	// Settings are lines of mosquitto.conf, by name, such as max_inflight_messages. They win over what this package sets.
	Settings map[string]string
}

// Mosquitto is a private MQTT broker. Its methods may be called from several goroutines.
type Mosquitto struct {
	instance

	options  MosquittoOptions
	programs mosquittoPrograms
}

// The names of the broker's files in its folder.
const (
	mosquittoSocket        = "mqtt.sock"
	mosquittoConfiguration = "mosquitto.conf"
	mosquittoPasswords     = "passwords"
	mosquittoACL           = "acl"
	mosquittoCertificate   = "broker.crt"
	mosquittoKey           = "broker.key"
	mosquittoClients       = "clients.crt"
)

// StartMosquitto starts a broker on a free port of 127.0.0.1. Run as root, it gets the account of the user mosquitto or nobody, the first that there is. The
// caller stops it with Stop; should this process die first, the broker ends and its folder is removed all the same.
//
// Where Mosquitto is not there the error is a *NotInstalledError, and a *StartError with its log when it does not come up.
func StartMosquitto(ctx context.Context, options MosquittoOptions) (*Mosquitto, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	programs, err := findMosquitto(options.BinFolder)
	if err != nil {
		return nil, err
	}
	runAs, err := serverAccount("mosquitto", "nobody")
	if err != nil {
		return nil, err
	}
	private := &Mosquitto{options: options, programs: programs}
	private.instance = instance{product: private, home: home{account: runAs}, tcp: true, orderly: []os.Signal{signalShutdown}}
	if err := private.open(ctx, privateNames{prefix: "synapse-mqtt-", socket: mosquittoSocket}); err != nil {
		return nil, err
	}
	return private, nil
}

// fill makes the file of passwords, and copies of the certificates, which the broker's account may not be able to read where they are.
func (m *Mosquitto) fill(ctx context.Context) error {
	for name, source := range map[string]string{
		mosquittoCertificate: m.options.CertFile, mosquittoKey: m.options.KeyFile, mosquittoClients: m.options.ClientCAFile,
	} {
		if source == "" {
			continue
		}
		content, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("read the broker's certificates: %w", err)
		}
		if err := m.write(name, string(content)); err != nil {
			return err
		}
	}
	if err := m.write(mosquittoACL, strings.Join(m.options.ACL, "\n")+"\n"); err != nil {
		return err
	}
	return m.fillPasswords(ctx)
}

// fillPasswords lets Mosquitto's own program encrypt a file, so that no password shows in the list of processes.
func (m *Mosquitto) fillPasswords(ctx context.Context) error {
	var plain strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.options.Users)) {
		fmt.Fprintf(&plain, "%s:%s\n", name, m.options.Users[name])
	}
	if plain.Len() == 0 {
		return nil
	}
	if err := m.write(mosquittoPasswords, plain.String()); err != nil {
		return err
	}
	return m.home.run(ctx, m.programs.passwords, "-U", m.path(mosquittoPasswords))
}

// path returns where a file of the broker's is.
func (m *Mosquitto) path(name string) string { return filepath.Join(m.home.folder, name) }

// configure writes mosquitto.conf. The socket is for asking the broker whether it is up, whatever it wants from others; it stands in a folder that only its account can enter.
func (m *Mosquitto) configure() error {
	general := map[string]string{
		"log_dest": "stderr", "persistence": strconv.FormatBool(m.options.Persistent), "persistence_location": m.home.folder + "/",
	}
	maps.Copy(general, m.options.Settings)
	listener := map[string]string{"allow_anonymous": strconv.FormatBool(len(m.options.Users) == 0)}
	for name, use := range map[string]struct {
		wanted bool
		file   string
	}{
		"password_file": {len(m.options.Users) > 0, mosquittoPasswords}, "certfile": {m.options.CertFile != "", mosquittoCertificate},
		"acl_file": {len(m.options.ACL) > 0, mosquittoACL}, "keyfile": {m.options.KeyFile != "", mosquittoKey}, "cafile": {m.options.ClientCAFile != "", mosquittoClients},
	} {
		if use.wanted {
			listener[name] = m.path(use.file)
		}
	}
	if m.options.ClientCAFile != "" {
		listener["require_certificate"] = "true"
	}
	text := "per_listener_settings true\n" + mosquittoLines(general) + "listener 0 " + m.path(mosquittoSocket) + "\nallow_anonymous true\n" +
		"listener " + strconv.Itoa(m.port) + " " + loopback + "\n" + mosquittoLines(listener)
	return m.write(mosquittoConfiguration, text)
}

// mosquittoLines writes settings the way mosquitto.conf wants them, in a fixed order.
func mosquittoLines(settings map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s %s\n", name, settings[name])
	}
	return text.String()
}

func (m *Mosquitto) command() (program string, arguments []string) {
	return m.programs.broker, []string{"-c", m.path(mosquittoConfiguration)}
}

// probe connects through the socket, which the broker answers when it has all its listeners. It tells no version.
func (m *Mosquitto) probe(ctx context.Context) (version int, err error) {
	connection, err := new(net.Dialer).DialContext(ctx, "unix", m.path(mosquittoSocket))
	if err != nil {
		return 0, fmt.Errorf("ask the broker: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = connection.SetDeadline(deadline)
	}
	return 0, errors.Join(err, greet(connection), connection.Close())
}

// greet sends the CONNECT of a client without a name, and reads its CONNACK (MQTT 3.1.1, sections 3.1 and 3.2).
func greet(connection io.ReadWriter) error {
	client := "synapse" + rand.Text()[:16]
	connect := append([]byte{0x10, byte(12 + len(client)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, byte(len(client))}, client...)
	if _, err := connection.Write(connect); err != nil {
		return fmt.Errorf("ask the broker: %w", err)
	}
	var answer [4]byte
	if _, err := io.ReadFull(connection, answer[:]); err != nil {
		return fmt.Errorf("ask the broker: %w", err)
	}
	if answer != [4]byte{0x20, 2, 0, 0} {
		return fmt.Errorf("ask the broker: it answers % x", answer)
	}
	return nil
}

// Host and Port are where the broker listens.
func (m *Mosquitto) Host() string { return loopback }

// Port is the broker's port, the same one after a Restart.
func (m *Mosquitto) Port() int { return m.port }

// Address returns host and port of the broker.
func (m *Mosquitto) Address() string { return net.JoinHostPort(loopback, strconv.Itoa(m.port)) }

// URL returns the broker's address as this project writes it: mqtt://HOST:PORT, or mqtts://HOST:PORT where it speaks TLS.
func (m *Mosquitto) URL() string {
	if m.options.CertFile != "" {
		return "mqtts://" + m.Address()
	}
	return "mqtt://" + m.Address()
}

// ConfigurationFile returns the path of the broker's mosquitto.conf.
func (m *Mosquitto) ConfigurationFile() string { return m.path(mosquittoConfiguration) }

// Log returns the end of what the broker has written, at most 4 kB.
func (m *Mosquitto) Log() string { return m.logTail() }

// Restart stops the broker if it runs, and starts it again on the same port. It also starts one that Kill has ended; after Stop the error is ErrStopped.
func (m *Mosquitto) Restart(ctx context.Context) error { return m.restart(ctx) }

// Kill ends the broker at once, as a crash would. Restart starts it again.
func (m *Mosquitto) Kill() error { return m.kill() }

// Stop ends the broker and removes its folder. A second call does nothing.
func (m *Mosquitto) Stop() error { return m.stop() }
