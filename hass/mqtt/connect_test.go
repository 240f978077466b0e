package mqtt_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// secret is a password that stands in no error.
const secret = "s3cret-w0rd"

// fails waits until a client has failed to connect, and returns why.
func fails(t *testing.T, config mqtt.Config) *mqtt.ConnectError {
	t.Helper()
	client := open(t, config)
	dbtest.Await(t, func() bool { return client.Status().LastError != nil })
	status := client.Status()
	failure, ok := errors.AsType[*mqtt.ConnectError](status.LastError)
	if !ok || status.Connected {
		t.Fatalf("the status is %+v, want a ConnectError", status)
	}
	if strings.Contains(failure.Error(), secret) {
		t.Errorf("the error shows the password: %v", failure)
	}
	return failure
}

// isSlow reports whether a client with the longest back-off of an hour waits for about that long.
func isSlow(t *testing.T, config mqtt.Config) bool {
	t.Helper()
	config.LongestBackOff = time.Hour
	client := open(t, config)
	dbtest.Await(t, func() bool { return !client.Status().NextAttempt.IsZero() })
	return time.Until(client.Status().NextAttempt) > 20*time.Minute
}

func TestLogin(t *testing.T) {
	t.Parallel()
	broker := dbtest.NewMosquitto(t, server.MosquittoOptions{Users: map[string]string{"lamp": secret}})
	eachProtocol(t, func(t *testing.T, protocol int) {
		config := mqtt.Config{URL: broker.URL(), Username: "lamp", Password: secret, Protocol: protocol}
		connect(t, config)
		for name, test := range map[string]struct {
			user, password, hint string
		}{
			"wrong":   {"lamp", secret + "!", `check Username ("lamp") and Password`},
			"unknown": {"door", secret, `check Username ("door") and Password`},
			"missing": {"", "", "set Username and Password"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				config := config
				config.Username, config.Password = test.user, test.password
				failure := fails(t, config)
				if failure.Doing != "log in" || !strings.Contains(failure.Error(), test.hint) {
					t.Errorf("it says %v, want %q in it", failure, test.hint)
				}
				if answer, ok := errors.AsType[*mqtt.AnswerError](failure); !ok || answer.Protocol != protocol {
					t.Errorf("the cause is %v", failure.Err)
				}
				if !isSlow(t, config) {
					t.Error("it tries again soon")
				}
			})
		}
	})
}

// secureBroker is a broker with TLS, the files of whose certificates are in a folder: authority, broker, client, stranger (which another authority has signed).
func secureBroker(t *testing.T, options server.MosquittoOptions) (broker *server.Mosquitto, folder string) {
	t.Helper()
	folder = t.TempDir()
	authority := dbtest.NewAuthority(t, folder, "authority")
	authority.Issue(t, "broker", x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	authority.Issue(t, "client", x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	dbtest.NewAuthority(t, folder, "other").Issue(t, "stranger", x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	options.CertFile, options.KeyFile = filepath.Join(folder, "broker.crt"), filepath.Join(folder, "broker.key")
	if options.ClientCAFile != "" {
		options.ClientCAFile = filepath.Join(folder, options.ClientCAFile)
	}
	return dbtest.NewMosquitto(t, options), folder
}

func TestTLS(t *testing.T) {
	t.Parallel()
	broker, folder := secureBroker(t, server.MosquittoOptions{ClientCAFile: "authority.crt"})
	file := func(name string) string { return filepath.Join(folder, name) }
	config := mqtt.Config{URL: broker.URL(), CAFile: file("authority.crt"), CertFile: file("client.crt"), KeyFile: file("client.key")}
	eachProtocol(t, func(t *testing.T, protocol int) {
		config := config
		config.Protocol = protocol
		topic := t.Name()
		var heard listener
		config.Subscribe, config.OnMessage = []string{topic}, heard.take
		publish(t, connect(t, config), mqtt.Message{Topic: topic, Payload: []byte("through TLS"), QoS: 1})
		heard.awaits(t, "through TLS")
	})
	for name, test := range map[string]struct {
		change func(*mqtt.Config)
		hint   string
		slow   bool
	}{
		"unknown authority":         {func(c *mqtt.Config) { c.CAFile = "" }, "set CAFile", true},
		"another authority":         {func(c *mqtt.Config) { c.CAFile = file("other.crt") }, "set CAFile", true},
		"no certificate":            {func(c *mqtt.Config) { c.CertFile, c.KeyFile = "", "" }, "CertFile and KeyFile", false},
		"certificate of a stranger": {func(c *mqtt.Config) { c.CertFile, c.KeyFile = file("stranger.crt"), file("stranger.key") }, "of that authority", true},
		"another host":              {func(c *mqtt.Config) { c.TLS = &tls.Config{ServerName: "elsewhere.example"} }, "certificate is for another host", true},
		"port without TLS":          {func(c *mqtt.Config) { c.URL = "mqtts://" + dbtest.Mosquitto(t).Address() }, "port for TLS", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := config
			test.change(&config)
			if failure := fails(t, config); !strings.Contains(failure.Hint, test.hint) {
				t.Errorf("it says %v (%T), want %q in it", failure, failure.Err, test.hint)
			}
			if test.slow && !isSlow(t, config) {
				t.Error("it tries again soon")
			}
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		t.Parallel()
		failure := fails(t, mqtt.Config{URL: "mqtt://" + broker.Address()})
		if !strings.Contains(failure.Hint, "mqtts://") {
			t.Errorf("it says %v", failure)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	relay := dbtest.NewRelay(t, "tcp", dbtest.Mosquitto(t).Address())
	relay.Cut()
	config := mqtt.Config{URL: relayURL(relay), FirstBackOff: time.Millisecond, LongestBackOff: 10 * time.Millisecond}
	client := open(t, config)
	if err := client.Publish(t.Context(), mqtt.Message{Topic: "a", QoS: 1}); !errors.Is(err, mqtt.ErrOffline) {
		t.Errorf("publish gives %v, want ErrOffline", err)
	}
	dbtest.Await(t, func() bool { return client.Status().Attempts > 3 })
	failure, ok := errors.AsType[*mqtt.ConnectError](client.Status().LastError)
	if !ok || failure.Doing != "reach it" || !strings.Contains(failure.Hint, "is the broker started") || failure.Broker != config.URL {
		t.Errorf("it says %v", failure)
	}
	relay.Restore(t)
	awaitUp(t, client)
	if status := client.Status(); !status.NextAttempt.IsZero() || status.Attempts < 4 {
		t.Errorf("the status is %+v", status)
	}
	config.URL = "mqtt://no-such-host.invalid"
	if failure := fails(t, config); failure.Doing != "reach it" || failure.Hint == "" {
		t.Errorf("it says %v", failure)
	}
}

func TestBrokerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	silent := newFront(t, dbtest.Mosquitto(t).Address(), nil)
	silent.deaf.Store(true)
	failure := fails(t, mqtt.Config{URL: silent.url(), ConnectTimeout: 50 * time.Millisecond})
	if !strings.Contains(failure.Error(), "no answer within 50ms") {
		t.Errorf("it says %v", failure)
	}
}

func TestBrokerThatSpeaksOldMQTTOnly(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string][]byte{
		"says so by MQTT 5":     {0x20, 3, 0, 0x84, 0},
		"says so by MQTT 3.1.1": {0x20, 2, 0, 1},
		"ends the connection":   {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := newFront(t, dbtest.Mosquitto(t).Address(), &refusal)
			client := connect(t, mqtt.Config{URL: old.url(), FirstBackOff: time.Millisecond})
			for range 3 {
				since := client.Status().Since
				old.cut()
				dbtest.Await(t, func() bool { return client.Status().Connected && client.Status().Since != since })
			}
			publish(t, client, mqtt.Message{Topic: t.Name(), QoS: 1})
			if asked := old.connects[5].Load(); asked != 1 || client.Status().Protocol != 4 {
				t.Errorf("MQTT 5 was tried %d times, want once; the protocol is %d", asked, client.Status().Protocol)
			}
			config := mqtt.Config{URL: old.url(), Protocol: 5}
			if failure := fails(t, config); failure.Doing != "log in" || failure.Hint == "" {
				t.Errorf("with MQTT 5 only it says %v", failure)
			}
		})
	}
}

func TestSubscriptionThatIsRefused(t *testing.T) {
	t.Parallel()
	broker := newFront(t, dbtest.Mosquitto(t).Address(), nil)
	broker.unsubscribed.Store(true)
	eachProtocol(t, func(t *testing.T, protocol int) {
		config := mqtt.Config{URL: broker.url(), Protocol: protocol, Subscribe: []string{"first", "second/#"}}
		failure := fails(t, config)
		if text := failure.Error(); failure.Doing != "subscribe" || !strings.Contains(text, `"second/#"`) || !strings.Contains(text, "access control list") {
			t.Errorf("it says %s", text)
		}
		if !isSlow(t, config) {
			t.Error("it tries again soon")
		}
	})
}

func TestTwoProgramsWithOneName(t *testing.T) {
	t.Parallel()
	config := mqtt.Config{URL: dbtest.Mosquitto(t).URL(), ClientID: "one-name", LongestBackOff: time.Hour}
	first := connect(t, config)
	connect(t, config)
	dbtest.Await(t, func() bool { return first.Status().LastError != nil })
	if got := first.Status().LastError.Error(); !strings.Contains(got, `does another program use the ClientID "one-name"?`) {
		t.Errorf("it says %s", got)
	}
}

func relayURL(relay *dbtest.Relay) string {
	return "mqtt://" + net.JoinHostPort(relay.Host, strconv.Itoa(relay.Port))
}
