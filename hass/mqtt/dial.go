package mqtt

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// dialer makes connections to one broker.
type dialer struct {
	config Config
	broker address
	inbox  chan<- delivery
	// protocol is what the broker was found to speak, 0 while nothing is known.
	protocol int
}

// dial makes a connection. Where the broker does not understand MQTT 5 it tries 3.1.1, and remembers what worked. Every error is a *ConnectError.
func (d *dialer) dial(ctx context.Context) (*connection, error) {
	if wanted := d.config.Protocol; wanted != 0 {
		return d.attempt(ctx, wanted)
	}
	if d.protocol == 4 {
		made, err := d.attempt(ctx, 4)
		if err != nil && misunderstood(err) {
			d.protocol = 0
		}
		return made, err
	}
	made, err := d.attempt(ctx, 5)
	if err == nil || !misunderstood(err) {
		return made, err
	}
	made, older := d.attempt(ctx, 4)
	if older == nil {
		d.protocol = 4
		return made, nil
	}
	if _, answered := errors.AsType[*AnswerError](older); answered && !misunderstood(older) {
		return nil, older
	}
	return nil, err
}

// misunderstood reports whether a broker may not speak the version it was asked for: it says so, or it ends the connection without a word.
func misunderstood(err error) bool {
	if answer, ok := errors.AsType[*AnswerError](err); ok {
		return answer.Protocol == 5 && answer.Code == unsupportedVersion || answer.Protocol == 4 && answer.Code == unsupportedVersion4
	}
	failure, ok := errors.AsType[*ConnectError](err)
	return ok && failure.Doing == doingLogin && closedByPeer(failure.Err)
}

// attempt makes a connection of one version.
func (d *dialer) attempt(ctx context.Context, protocol int) (*connection, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.config.ConnectTimeout, fmt.Errorf("no answer within %v", d.config.ConnectTimeout))
	defer cancel()
	network, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = network.SetDeadline(time.Unix(1, 0)) }) // ends what is under way
	incoming := incoming{wire: wireOf(protocol), source: bufio.NewReaderSize(network, bufferSize)}
	agreed, err := d.login(network, incoming)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = network.Close() // it was never used
		return nil, d.failure(ctx, doingLogin, err)
	}
	return newConnection(network, incoming, agreed, d.config, d.inbox), nil
}

// open connects, with TLS where that is wanted.
func (d *dialer) open(ctx context.Context) (net.Conn, error) {
	encryption, err := d.config.encryption(d.broker)
	if err != nil {
		return nil, d.failure(ctx, doingTLS, err)
	}
	network, err := new(net.Dialer).DialContext(ctx, "tcp", d.broker.hostPort())
	if err != nil {
		return nil, d.failure(ctx, doingReach, err)
	}
	if encryption == nil {
		return network, nil
	}
	secured := tls.Client(network, encryption)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = network.Close() // it was never used
		return nil, d.failure(ctx, doingTLS, err)
	}
	return secured, nil
}

// login sends CONNECT and reads CONNACK.
func (d *dialer) login(network net.Conn, incoming incoming) (limits, error) {
	// A broker that ends the connection before it has read CONNECT may have said why.
	_, unwritten := network.Write(incoming.wire.connect(d.config))
	answer, _, err := incoming.next()
	if err != nil && unwritten != nil && closedByPeer(err) {
		err = unwritten
	}
	if err != nil {
		return limits{}, err
	}
	if answer.kind == kindConnected && answer.code() == 0 {
		return answer.limits, nil
	}
	if answer.kind == kindConnected || answer.kind == kindDisconnect {
		return limits{}, answerOf(incoming.wire, answer)
	}
	return limits{}, fmt.Errorf("the broker sends a packet of kind %d instead of CONNACK", answer.kind)
}

// What was being done when it failed.
const (
	doingReach     = "reach it"
	doingTLS       = "agree on TLS"
	doingLogin     = "log in"
	doingSubscribe = "subscribe"
	doingStay      = "stay connected"
)

// failure says what went wrong, and what to do. An end that the context brought has its cause.
func (d *dialer) failure(ctx context.Context, doing string, err error) *ConnectError {
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil && (errors.Is(err, ctx.Err()) || ok && timeout.Timeout()) {
		err = context.Cause(ctx)
	}
	made := &ConnectError{Broker: d.broker.String(), Doing: doing, Err: err}
	made.Hint, made.lasting = d.remedy(made)
	return made
}

// remedy says what to do about a failure, and whether trying again soon is of no use.
func (d *dialer) remedy(failure *ConnectError) (hint string, lasting bool) {
	if _, ok := errors.AsType[*subscriptionError](failure.Err); ok {
		return "let this user subscribe to it, in the broker's access control list", true
	}
	if refused, ok := errors.AsType[*AnswerError](failure.Err); ok {
		return d.answerRemedy(refused)
	}
	if hint := d.tlsRemedy(failure.Err); hint != "" {
		return hint, true
	}
	if _, wrong := errors.AsType[*ConfigError](failure.Err); wrong {
		return "", true
	}
	switch {
	case failure.Doing == doingReach:
		return reachRemedy(failure.Err), false
	case failure.Doing == doingTLS:
		return "is this the broker's port for TLS, by default 8883?", false
	case closedByPeer(failure.Err):
		return d.silentRemedy(failure.Doing), false
	}
	return "", false
}

// silentRemedy is about a broker that ends a connection without a word. It may as well have been restarted.
func (d *dialer) silentRemedy(doing string) string {
	switch {
	case doing == doingLogin && d.broker.secure:
		return "it ends the connection without a word: does it want a certificate (CertFile and KeyFile)?"
	case doing == doingLogin:
		return "it ends the connection without a word: is the URL right, with mqtts:// for a port with TLS?"
	case doing == doingSubscribe:
		return "it may not understand a filter in Subscribe"
	}
	return fmt.Sprintf("if this happens again and again: does another program use the ClientID %q? Each needs its own", d.config.ClientID)
}

// reachRemedy is about what lies before MQTT.
func reachRemedy(err error) string {
	if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
		return "is the host's name in the URL right?"
	}
	if isRefused(err) {
		return "nothing listens there: is the broker started, and is the port in the URL right?"
	}
	return "is there a network, and does no firewall keep the port shut?"
}

// tlsRemedy is about certificates. It is empty where an error has nothing to do with TLS.
func (d *dialer) tlsRemedy(err error) string {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		issuer := ""
		if unknown.Cert != nil {
			issuer = " (" + unknown.Cert.Issuer.String() + ")"
		}
		return "the broker's certificate is signed by an authority" + issuer + " that is not known here: set CAFile to its certificate"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the broker's certificate is for another host: use a name that it has in the URL, or set TLS.ServerName"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the broker's certificate is out of date, or this system's clock is wrong"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the port does not speak TLS: use mqtt:// in the URL, or the broker's port for TLS, by default 8883"
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return "the broker refuses this client's TLS: does it want a certificate (CertFile and KeyFile), and of that authority?"
	}
	return ""
}

// answerRemedy is about what the broker answers.
func (d *dialer) answerRemedy(refused *AnswerError) (hint string, lasting bool) {
	kind := refused.Code
	if refused.Protocol == 4 {
		// The reasons of 3.1.1 are there in 5 too.
		kind = map[byte]byte{1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}[refused.Code]
	}
	switch kind {
	case unsupportedVersion:
		return "set Protocol to the version that it speaks, or to 0", true
	case 0x85:
		return "set another ClientID", true
	case 0x86, 0x87:
		if d.config.Username == "" {
			return "it wants a user and a password: set Username and Password", true
		}
		return fmt.Sprintf("check Username (%q) and Password", d.config.Username), true
	case 0x8E:
		return fmt.Sprintf("does another program use the ClientID %q? Each needs its own", d.config.ClientID), true
	case 0x9A, 0x9B:
		return "the will is not for this broker: another Will.Retain or Will.QoS is", true
	case 0x8A, 0x98, 0x9C, 0x9D:
		return "ask who runs the broker", true
	}
	return "", false
}
