package server_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/synapsedb/synapse/internal/server"
)

func startMosquitto(t *testing.T, options server.MosquittoOptions) *server.Mosquitto {
	t.Helper()
	private, err := server.StartMosquitto(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
	})
	return private
}

// session is a connection to a broker that speaks MQTT 3.1.1 in packets.
type session struct {
	t *testing.T
	net.Conn
}

// dialMosquitto connects, and returns what the broker answers to CONNECT.
func dialMosquitto(t *testing.T, private *server.Mosquitto, user, password string) (session, byte) {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", private.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	opened := session{t: t, Conn: connection}
	answer, ok := opened.exchange(&packets.ConnectPacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Connect}, ProtocolName: "MQTT", ProtocolVersion: 4, CleanSession: true,
		UsernameFlag: user != "", Username: user, PasswordFlag: user != "", Password: []byte(password),
	}).(*packets.ConnackPacket)
	if !ok {
		t.Fatal("the broker answers no CONNACK")
	}
	return opened, answer.ReturnCode
}

// exchange sends a packet and reads the next one.
func (s session) exchange(sent packets.ControlPacket) packets.ControlPacket {
	s.t.Helper()
	if err := sent.Write(s); err != nil {
		s.t.Fatal(err)
	}
	answer, err := packets.ReadPacket(s)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// retain stores a message of a topic.
func (s session) retain(topic, text string) {
	s.t.Helper()
	s.exchange(&packets.PublishPacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Publish, Qos: 1, Retain: true}, TopicName: topic, MessageID: 1, Payload: []byte(text),
	})
}

// retained reports whether the broker has a message of a topic: it sends that behind its answer to a subscription, and before the one to a ping.
func (s session) retained(topic string) bool {
	s.t.Helper()
	s.exchange(&packets.SubscribePacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Subscribe, Qos: 1}, MessageID: 2, Topics: []string{topic}, Qoss: []byte{0},
	})
	_, found := s.exchange(packets.NewControlPacket(packets.Pingreq)).(*packets.PublishPacket)
	return found
}

func TestPrivateMosquitto(t *testing.T) {
	t.Parallel()
	private := startMosquitto(t, server.MosquittoOptions{Persistent: true})
	opened, code := dialMosquitto(t, private, "", "")
	if code != packets.Accepted || private.Host() != "127.0.0.1" || private.URL() != "mqtt://"+private.Address() {
		t.Errorf("%s lets a guest in with code %d", private.URL(), code)
	}
	opened.retain("kept", "text")
	address := private.Address()
	for range 2 {
		if err := private.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if opened, _ := dialMosquitto(t, private, "", ""); private.Address() != address || !opened.retained("kept") {
			t.Errorf("restarted it has lost its message, or is at %s instead of %s", private.Address(), address)
		}
		if err := private.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMosquittoAsksForPasswords(t *testing.T) {
	t.Parallel()
	private := startMosquitto(t, server.MosquittoOptions{Users: map[string]string{"lamp": "secret word", "other": "x"}})
	for _, test := range []struct {
		user, password string
		want           byte
	}{
		{"lamp", "secret word", packets.Accepted},
		{"other", "x", packets.Accepted},
		{"lamp", "x", packets.ErrRefusedNotAuthorised},
		{"", "", packets.ErrRefusedNotAuthorised},
	} {
		if _, got := dialMosquitto(t, private, test.user, test.password); got != test.want {
			t.Errorf("%q with %q gets code %d, want %d", test.user, test.password, got, test.want)
		}
	}
	content, err := os.ReadFile(filepath.Join(filepath.Dir(private.ConfigurationFile()), "passwords"))
	if err != nil || bytes.Contains(content, []byte("secret")) {
		t.Errorf("the passwords are kept as %q, %v", content, err)
	}
}

func TestStoppedMosquittoLeavesNothing(t *testing.T) {
	t.Parallel()
	private := startMosquitto(t, server.MosquittoOptions{Persistent: true})
	stopsWithoutTrace(t, private, filepath.Dir(private.ConfigurationFile()))
}

func TestProgramKilledWithMosquittoLeavesNothing(t *testing.T) {
	t.Parallel()
	killedWithoutTrace(t, mqttChild)
}

func TestMosquittoThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	_, err := server.StartMosquitto(t.Context(), server.MosquittoOptions{Settings: map[string]string{"no_such_setting": "1"}})
	if failure, ok := errors.AsType[*server.StartError](err); !ok || !strings.Contains(failure.Log, "no_such_setting") {
		t.Errorf("got %v, want a StartError with the broker's own words", err)
	}
}

func TestMissingMosquittoIsNamedWithARemedy(t *testing.T) {
	t.Setenv(server.MosquittoFolderVariable, "/nowhere")
	_, err := server.StartMosquitto(t.Context(), server.MosquittoOptions{})
	if _, ok := errors.AsType[*server.NotInstalledError](err); !ok || !strings.Contains(err.Error(), "install") {
		t.Errorf("%v, want a NotInstalledError with the remedy", err)
	}
}

func TestMosquittoSpeaksTLSWithACertificate(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	private := startMosquitto(t, server.MosquittoOptions{CertFile: certificate, KeyFile: key})
	connection, err := new(tls.Dialer).DialContext(t.Context(), "tcp", private.Address())
	if _, unknown := errors.AsType[*tls.CertificateVerificationError](err); !unknown || private.URL() != "mqtts://"+private.Address() {
		t.Errorf("%s: got %v, %v, want a certificate that nobody knows", private.URL(), connection, err)
	}
}

// selfSigned makes a certificate and its key, in files.
func selfSigned(t *testing.T) (certificateFile, keyFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for kind, content := range map[string][]byte{"CERTIFICATE": certificate, "PRIVATE KEY": key} {
		if err := os.WriteFile(filepath.Join(folder, kind), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "CERTIFICATE"), filepath.Join(folder, "PRIVATE KEY")
}
