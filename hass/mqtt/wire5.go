package mqtt

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// wire5 is MQTT 5.
type wire5 struct{}

func (wire5) protocol() int { return 5 }

// none are the properties of packets that are sent without. They are only read.
var none = &packets.Properties{}

// encode5 returns a packet's bytes. A buffer takes everything, so that there is no error.
func encode5(encoded io.WriterTo) []byte {
	var buffer bytes.Buffer
	_, _ = encoded.WriteTo(&buffer)
	return buffer.Bytes()
}

func (wire5) connect(config Config) []byte {
	longest, most := uint32(longestIncoming), uint16(inboxSize)
	hello := &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, CleanStart: true, KeepAlive: config.keepAliveSeconds(), ClientID: config.ClientID,
		Properties:   &packets.Properties{MaximumPacketSize: &longest, ReceiveMaximum: &most},
		UsernameFlag: config.Username != "", Username: config.Username, PasswordFlag: config.Password != "", Password: []byte(config.Password),
	}
	if will := config.Will; will != nil {
		hello.WillFlag, hello.WillTopic, hello.WillMessage = true, will.Topic, will.Payload
		hello.WillQOS, hello.WillRetain, hello.WillProperties = will.QoS, will.Retain, none
	}
	return encode5(hello)
}

func (wire5) subscribe(id uint16, filters []string) []byte {
	asked := &packets.Subscribe{PacketID: id, Properties: none}
	for _, filter := range filters {
		asked.Subscriptions = append(asked.Subscriptions, packets.SubOptions{Topic: filter, QoS: 1})
	}
	return encode5(asked)
}

func (wire5) publish(id uint16, message Message) []byte {
	return encode5(&packets.Publish{
		PacketID: id, Topic: message.Topic, Payload: message.Payload, QoS: message.QoS, Retain: message.Retain, Properties: none,
	})
}

func (wire5) acknowledge(id uint16) []byte {
	return encode5(&packets.Puback{PacketID: id, Properties: none})
}

func (wire5) ping() []byte { return encode5(&packets.Pingreq{}) }

func (wire5) disconnect() []byte {
	return encode5(&packets.Disconnect{Properties: none})
}

func (wire5) read(source io.Reader) (packet, error) {
	read, err := packets.ReadPacket(source)
	if err != nil {
		return packet{}, err
	}
	found := packet{kind: read.Type, id: read.PacketID()}
	switch content := read.Content.(type) {
	case *packets.Connack:
		found.codes, found.words, found.limits = []byte{content.ReasonCode}, content.Properties.ReasonString, limits5(content.Properties)
		if content.Properties.ServerReference != "" {
			found.words = "it names " + content.Properties.ServerReference
		}
	case *packets.Publish:
		found.message = Message{Topic: content.Topic, Payload: content.Payload, QoS: content.QoS, Retain: content.Retain}
	case *packets.Puback:
		found.codes, found.words = []byte{content.ReasonCode}, content.Properties.ReasonString
	case *packets.Suback:
		found.codes, found.words = content.Reasons, content.Properties.ReasonString
	case *packets.Disconnect:
		found.codes, found.words = []byte{content.ReasonCode}, content.Properties.ReasonString
	case *packets.Pingresp:
	default:
		return packet{}, fmt.Errorf("the broker sends a %s, which is not for a client", read.PacketType())
	}
	return found, nil
}

// limits5 reads what comes with a CONNACK (MQTT 5, 3.2.2.3).
func limits5(properties *packets.Properties) limits {
	found := unlimited()
	if most := properties.ReceiveMaximum; most != nil && *most > 0 {
		found.underWay = min(found.underWay, int(*most))
	}
	if longest := properties.MaximumPacketSize; longest != nil && *longest > 0 {
		found.packet = min(found.packet, *longest)
	}
	if best := properties.MaximumQOS; best != nil && *best == 0 {
		found.noAcknowledged = true
	}
	if available := properties.RetainAvailable; available != nil && *available == 0 {
		found.noRetained = true
	}
	if seconds := properties.ServerKeepAlive; seconds != nil {
		found.keepAlive = time.Duration(*seconds) * time.Second
	}
	return found
}

// words5 are the reasons that a broker has (MQTT 5, 2.4).
var words5 = map[byte]string{
	0x00: "no reason given", 0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error", 0x83: "an error of its own", 0x84: "unsupported version of the protocol",
	0x85: "client id not valid", 0x86: "bad user name or password", 0x87: "not authorized", 0x88: "not available", 0x89: "busy", 0x8A: "this client is banned",
	0x8B: "it is shutting down", 0x8C: "bad method of authentication", 0x8D: "it has heard nothing within the keep-alive time", 0x8E: "another connection with the same client id has taken over",
	0x8F: "filter of topics not valid", 0x90: "topic not valid", 0x93: "too many messages without an acknowledgement", 0x95: "packet too long", 0x96: "too many messages",
	0x97: "quota exceeded", 0x98: "an administrator ends the connection", 0x99: "payload not valid", 0x9A: "it retains no messages", 0x9B: "it does not know that QoS",
	0x9C: "use another broker for now", 0x9D: "use another broker from now on", 0x9E: "it has no shared subscriptions", 0x9F: "too many connections at once", 0xA0: "the longest time of a connection is over",
	0xA2: "it has no filters with + and #",
}

func (wire5) words(code byte) string { return words5[code] }
