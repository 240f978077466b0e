package mqtt_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/hass/mqtt"
)

func TestWhatIsWrongWithAConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "mqtt://localhost"
	for name, test := range map[string]struct {
		config       mqtt.Config
		key, problem string
	}{
		"no URL":               {mqtt.Config{}, "URL", "mqtt://HOST:1883"},
		"no scheme":            {mqtt.Config{URL: "localhost:1883"}, "URL", "mqtt://HOST:1883"},
		"another scheme":       {mqtt.Config{URL: "http://localhost"}, "URL", "begins with none"},
		"password in the URL":  {mqtt.Config{URL: "mqtt://lamp:" + secret + "@localhost"}, "URL", "Username and Password"},
		"a slash in it":        {mqtt.Config{URL: "mqtt://lamp:" + secret + "/@localhost"}, "URL", "mqtt://HOST:1883"},
		"a path":               {mqtt.Config{URL: url + "/path"}, "URL", "more than a host"},
		"a port beyond":        {mqtt.Config{URL: url + ":65536"}, "URL", "65535"},
		"protocol":             {mqtt.Config{URL: url, Protocol: 3}, "Protocol", "4 (for MQTT 3.1.1)"},
		"negative time":        {mqtt.Config{URL: url, KeepAlive: -1}, "KeepAlive", "negative"},
		"long time":            {mqtt.Config{URL: url, KeepAlive: 24 * time.Hour}, "KeepAlive", "18h12m15s"},
		"password alone":       {mqtt.Config{URL: url, Password: secret}, "Username", "missing"},
		"user":                 {mqtt.Config{URL: url, Username: "a\xff"}, "Username", "UTF-8"},
		"client":               {mqtt.Config{URL: url, ClientID: "a\x00"}, "ClientID", "zero"},
		"topic of the will":    {mqtt.Config{URL: url, Will: &mqtt.Message{Topic: "a/#"}}, "Will", "only filters"},
		"QoS of the will":      {mqtt.Config{URL: url, Will: &mqtt.Message{Topic: "a", QoS: 2}}, "Will", "QoS is 2"},
		"long will":            {mqtt.Config{URL: url, Will: &mqtt.Message{Topic: "a", Payload: make([]byte, 65536)}}, "Will", "65535"},
		"empty filter":         {mqtt.Config{URL: url, Subscribe: []string{""}}, "Subscribe", "empty"},
		"part of a level":      {mqtt.Config{URL: url, Subscribe: []string{"a/b+"}}, "Subscribe", "whole levels"},
		"not at the end":       {mqtt.Config{URL: url, Subscribe: []string{"a/#/b"}}, "Subscribe", "before its end"},
		"TLS without TLS":      {mqtt.Config{URL: url, TLS: &tls.Config{}}, "TLS", "mqtts://"},
		"authority":            {mqtt.Config{URL: "mqtts://localhost", CAFile: empty}, "CAFile", "no certificate"},
		"no such authority":    {mqtt.Config{URL: "mqtts://localhost", CAFile: empty + "!"}, "CAFile", "no such file"},
		"certificate alone":    {mqtt.Config{URL: "mqtts://localhost", CertFile: empty}, "KeyFile", "missing"},
		"key alone":            {mqtt.Config{URL: "mqtts://localhost", KeyFile: empty}, "CertFile", "missing"},
		"useless certificate":  {mqtt.Config{URL: "ssl://localhost:1", CertFile: empty, KeyFile: empty}, "CertFile", "cannot be used"},
		"a negative back-off":  {mqtt.Config{URL: "tcp://localhost:1/", LongestBackOff: -1}, "LongestBackOff", "negative"},
		"a very long password": {mqtt.Config{URL: url, Username: "a", Password: strings.Repeat(secret, 10_000)}, "Password", "65535"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mqtt.Open(test.config)
			found, ok := errors.AsType[*mqtt.ConfigError](err)
			if !ok || found.Key != test.key || !strings.Contains(found.Problem, test.problem) {
				t.Errorf("got %v, want %s: … %s …", err, test.key, test.problem)
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("the error shows the password")
			}
		})
	}
}

func TestMessageThatCannotBePublished(t *testing.T) {
	t.Parallel()
	client := open(t, mqtt.Config{URL: "mqtt://localhost:1"})
	for _, message := range []mqtt.Message{
		{}, {Topic: "a/+"}, {Topic: "a", QoS: 2}, {Topic: "\xff"}, {Topic: "\x00"}, {Topic: strings.Repeat("a", 65536)},
	} {
		if err := client.Publish(t.Context(), message); !isMessageError(err) {
			t.Errorf("%.10q with QoS %d gives %v", message.Topic, message.QoS, err)
		}
	}
}

func isMessageError(err error) bool {
	_, ok := errors.AsType[*mqtt.MessageError](err)
	return ok
}
