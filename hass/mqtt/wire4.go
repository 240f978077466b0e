package mqtt

import (
	"bytes"
	"fmt"
	"io"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// wire4 is MQTT 3.1.1, whose number on the wire is 4.
type wire4 struct{}

func (wire4) protocol() int { return 4 }

// encode4 returns a packet's bytes. A buffer takes everything, so that there is no error.
func encode4(encoded packets.ControlPacket) []byte {
	var buffer bytes.Buffer
	_ = encoded.Write(&buffer)
	return buffer.Bytes()
}

func (wire4) connect(config Config) []byte {
	hello := &packets.ConnectPacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Connect}, ProtocolName: "MQTT", ProtocolVersion: 4, CleanSession: true,
		Keepalive: config.keepAliveSeconds(), ClientIdentifier: config.ClientID,
		UsernameFlag: config.Username != "", Username: config.Username, PasswordFlag: config.Password != "", Password: []byte(config.Password),
	}
	if will := config.Will; will != nil {
		hello.WillFlag, hello.WillTopic, hello.WillMessage, hello.WillQos, hello.WillRetain = true, will.Topic, will.Payload, will.QoS, will.Retain
	}
	return encode4(hello)
}

func (wire4) subscribe(id uint16, filters []string) []byte {
	return encode4(&packets.SubscribePacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Subscribe, Qos: 1}, MessageID: id, Topics: filters, Qoss: bytes.Repeat([]byte{1}, len(filters)),
	})
}

func (wire4) publish(id uint16, message Message) []byte {
	return encode4(&packets.PublishPacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Publish, Qos: message.QoS, Retain: message.Retain},
		MessageID:   id, TopicName: message.Topic, Payload: message.Payload,
	})
}

func (wire4) acknowledge(id uint16) []byte {
	return encode4(&packets.PubackPacket{FixedHeader: packets.FixedHeader{MessageType: packets.Puback}, MessageID: id})
}

func (wire4) ping() []byte { return encode4(packets.NewControlPacket(packets.Pingreq)) }

func (wire4) disconnect() []byte { return encode4(packets.NewControlPacket(packets.Disconnect)) }

func (wire4) read(source io.Reader) (packet, error) {
	read, err := packets.ReadPacket(source)
	if err != nil {
		return packet{}, err
	}
	switch content := read.(type) {
	case *packets.ConnackPacket:
		return packet{kind: kindConnected, codes: []byte{content.ReturnCode}, limits: unlimited()}, nil
	case *packets.PublishPacket:
		message := Message{Topic: content.TopicName, Payload: content.Payload, QoS: content.Qos, Retain: content.Retain}
		return packet{kind: kindMessage, id: content.MessageID, message: message}, nil
	case *packets.PubackPacket:
		return packet{kind: kindAcknowledged, id: content.MessageID}, nil
	case *packets.SubackPacket:
		return packet{kind: kindSubscribed, id: content.MessageID, codes: content.ReturnCodes}, nil
	case *packets.PingrespPacket:
		return packet{kind: kindPong}, nil
	}
	return packet{}, fmt.Errorf("the broker sends a packet that is not for a client: %T", read)
}

// words4 are a broker's reasons to refuse a connection (MQTT 3.1.1, 3.2.2.3), and the one for a subscription.
var words4 = map[byte]string{
	1: "unsupported version of the protocol", 2: "client id not valid", 3: "not available", 4: "bad user name or password", 5: "not authorized", 0x80: "refused",
}

func (wire4) words(code byte) string { return words4[code] }
