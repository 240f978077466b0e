package mqtt

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is what is published. QoS is 0 (sent once, without an acknowledgement) or 1 (acknowledged by the broker). A retained message is kept by the broker for
// those who subscribe later; one without a payload removes it.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
}

// Config describes a connection.
type Config struct {
	// URL is the broker: mqtt://HOST:PORT (or tcp://), by default port 1883, or mqtts://HOST:PORT (or ssl://), by default port 8883, for TLS. It holds no user and no
	// password.
	URL string
	// Username and Password log in. Empty: without.
	Username, Password string
	// TLS is what the rest of a connection with TLS follows; nil is Go's defaults. It is copied.
	TLS *tls.Config
	// CAFile holds the certificates (PEM) of the authorities that the broker's is to be signed by; empty: those of the system. CertFile and KeyFile
	// are the client's own certificate and key (PEM). They are read for each connection, so that they can be renewed.
	CAFile, CertFile, KeyFile string
	// ClientID is the session's name: a connection with it ends an older one, whose will the broker then publishes first. So a program that always uses the same name is
	// never declared dead after its restart; two programs with the same name end each other's connections for ever. Empty: a random one, the same until Close.
	ClientID string
	// Protocol is 5, 4 (which is MQTT 3.1.1), or 0: 5, and 4 where the broker does not understand 5.
	Protocol int
	// KeepAlive is how long the broker may be silent until the connection counts as lost, which is noticed within half as long again; in that time it is asked for an answer twice. 30 s when 0, less where the broker
	// wants to hear more often. A broker publishes the will when it has heard nothing for one and a half times as long, which it counts in whole seconds.
	KeepAlive time.Duration
	// ConnectTimeout is how long a connection may take until it is up; 10 s when 0.
	ConnectTimeout time.Duration
	// FirstBackOff is about how long it takes from the first failure to the next attempt, 100 ms when 0. It doubles with each failure up to LongestBackOff, 30 s when 0. After
	// failures that somebody has to do something about, such as a wrong password, it is LongestBackOff at once.
	FirstBackOff, LongestBackOff time.Duration
	// Will is what the broker publishes when this connection ends without Close. Nil: nothing.
	Will *Message
	// Subscribe are filters of topics, subscribed to with QoS 1 by each connection anew.
	Subscribe []string
	// OnUp is called when a connection is up and has its subscriptions, by a goroutine of its own. The context ends with the connection, and OnUp is to return then: the next
	// connection waits for it.
	OnUp func(ctx context.Context)
	// OnMessage is called for each message, one after another in the order of their coming, also before OnUp. A slow one holds up messages, but not the connection. It
	// must neither call Close nor publish with QoS 1: while more than a few messages wait for it nothing is read, and so no acknowledgement either.
	OnMessage func(Message)
	// Log gets what happens to the connection; nil: nothing.
	Log *slog.Logger
}

// longestText is the longest that texts of MQTT can be, in bytes.
const longestText = math.MaxUint16

// completed returns the configuration with its defaults.
func (c Config) completed() Config {
	c.KeepAlive = cmp.Or(c.KeepAlive, 30*time.Second)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 10*time.Second)
	c.FirstBackOff = cmp.Or(c.FirstBackOff, 100*time.Millisecond)
	c.LongestBackOff = max(cmp.Or(c.LongestBackOff, 30*time.Second), c.FirstBackOff)
	// 23 letters and digits are what every broker has to accept (MQTT 3.1.1, 3.1.3.1).
	c.ClientID = cmp.Or(c.ClientID, "synapse"+rand.Text()[:16])
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.OnUp == nil {
		c.OnUp = func(context.Context) {}
	}
	if c.OnMessage == nil {
		c.OnMessage = func(Message) {}
	}
	return c
}

// check returns the first *ConfigError. It shows no password.
func (c Config) check() error {
	for _, check := range []func() error{c.checkProtocol, c.checkTimes, c.checkLogin, c.checkWill, c.checkFilters} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkProtocol() error {
	if c.Protocol != 0 && c.Protocol != 4 && c.Protocol != 5 {
		return &ConfigError{Key: "Protocol", Problem: fmt.Sprintf("is %d: it has to be 5, 4 (for MQTT 3.1.1), or 0 for whichever the broker understands", c.Protocol)}
	}
	return nil
}

func (c Config) checkTimes() error {
	for key, value := range map[string]time.Duration{
		"KeepAlive": c.KeepAlive, "ConnectTimeout": c.ConnectTimeout, "FirstBackOff": c.FirstBackOff, "LongestBackOff": c.LongestBackOff,
	} {
		if value < 0 {
			return &ConfigError{Key: key, Problem: fmt.Sprintf("is %v: it cannot be negative", value)}
		}
	}
	if c.KeepAlive > math.MaxUint16*time.Second {
		return &ConfigError{Key: "KeepAlive", Problem: fmt.Sprintf("is %v: MQTT knows at most %v", c.KeepAlive, math.MaxUint16*time.Second)}
	}
	return nil
}

func (c Config) checkLogin() error {
	if c.Password != "" && c.Username == "" {
		return &ConfigError{Key: "Username", Problem: "is missing: a password belongs to a user"}
	}
	if len(c.Password) > longestText {
		return &ConfigError{Key: "Password", Problem: fmt.Sprintf("is longer than %d bytes", longestText)}
	}
	for key, value := range map[string]string{"Username": c.Username, "ClientID": c.ClientID} {
		if problem := textProblem(value); problem != "" {
			return &ConfigError{Key: key, Problem: problem}
		}
	}
	return nil
}

func (c Config) checkWill() error {
	if c.Will == nil {
		return nil
	}
	if problem := messageProblem(*c.Will); problem != "" {
		return &ConfigError{Key: "Will", Problem: problem}
	}
	if len(c.Will.Payload) > longestText {
		return &ConfigError{Key: "Will", Problem: fmt.Sprintf("its payload is longer than %d bytes", longestText)}
	}
	return nil
}

func (c Config) checkFilters() error {
	for _, filter := range c.Subscribe {
		if problem := filterProblem(filter); problem != "" {
			return &ConfigError{Key: "Subscribe", Problem: fmt.Sprintf("%q %s", filter, problem)}
		}
	}
	return nil
}

// textProblem says why a text cannot be sent (MQTT 5, 1.5.4), or nothing.
func textProblem(text string) string {
	switch {
	case len(text) > longestText:
		return fmt.Sprintf("is longer than %d bytes", longestText)
	case !utf8.ValidString(text):
		return "is no UTF-8"
	case strings.ContainsRune(text, 0):
		return "contains a zero"
	}
	return ""
}

// messageProblem says why a message cannot be published, or nothing.
func messageProblem(message Message) string {
	switch {
	case message.Topic == "":
		return "the topic is empty"
	case strings.ContainsAny(message.Topic, "+#"):
		return fmt.Sprintf("the topic %q contains + or #, which only filters have", message.Topic)
	case message.QoS > 1:
		return fmt.Sprintf("QoS is %d: it has to be 0 or 1", message.QoS)
	}
	if problem := textProblem(message.Topic); problem != "" {
		return "the topic " + problem
	}
	return ""
}

// filterProblem says why a filter cannot be subscribed to (MQTT 5, 4.7.1), or nothing.
func filterProblem(filter string) string {
	if filter == "" {
		return "is empty"
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.ContainsAny(level, "+#") && len(level) > 1 {
			return "has + or # beside other letters: they stand for whole levels"
		}
		if level == "#" && i < len(levels)-1 {
			return "has # before its end"
		}
	}
	return textProblem(filter)
}
