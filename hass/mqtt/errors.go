package mqtt

import (
	"errors"
	"fmt"
)

// ErrOffline is returned by Publish while there is no connection, and, wrapped, when the connection is lost before the broker has acknowledged the message, which it may or may not have then.
var ErrOffline = errors.New("there is no connection to the MQTT broker")

// ErrClosed is returned by Publish after Close.
var ErrClosed = errors.New("the connection to the MQTT broker was closed by this program")

// ConfigError says what is wrong with a Config. It shows no password.
type ConfigError struct {
	// Key is the field of Config.
	Key     string
	Problem string
}

// Error names the field.
func (e *ConfigError) Error() string { return "configuration of MQTT: " + e.Key + ": " + e.Problem }

// MessageError says why a message cannot be published at all, or not to this broker.
type MessageError struct {
	Topic   string
	Problem string
}

// Error names the topic.
func (e *MessageError) Error() string { return fmt.Sprintf("publish to %q: %s", e.Topic, e.Problem) }

// RefusedError says that the broker has refused a message.
type RefusedError struct {
	Topic string
	// Code is the broker's reason (MQTT 5, 3.4.2.1), such as 0x87: not authorized.
	Code byte
	// Reason is that code in words, with those of the broker.
	Reason string
}

// Error names the topic and the reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("publish to %q: the broker refuses: %s", e.Topic, e.Reason)
}

// ConnectError says why there is no connection.
type ConnectError struct {
	// Broker is its address, without a secret.
	Broker string
	// Doing is what was being done: "reach it", "agree on TLS", "log in", "subscribe", or "stay connected".
	Doing string
	// Err is the cause.
	Err error
	// Hint says what to do; it may be empty.
	Hint string

	// lasting is true where trying again soon is of no use.
	lasting bool
}

// Error names the broker, the cause and what to do.
func (e *ConnectError) Error() string {
	text := fmt.Sprintf("MQTT broker %s: %s: %v", e.Broker, e.Doing, e.Err)
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// AnswerError is a broker's refusal, of a connection or of a subscription, or its reason for ending a connection.
type AnswerError struct {
	// Protocol is 5 or 4, whose codes differ.
	Protocol int
	Code     byte
	// Reason is the code in words, with those of the broker.
	Reason string
}

// Error is the reason.
func (e *AnswerError) Error() string { return "the broker answers: " + e.Reason }

// errSilent ends a connection on which the broker does not answer any more.
var errSilent = errors.New("the broker has not answered within the keep-alive time")
