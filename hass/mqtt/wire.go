package mqtt

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// The kinds of packets that a broker sends, as both versions of the protocol number them.
const (
	kindConnected    = 2
	kindMessage      = 3
	kindAcknowledged = 4
	kindSubscribed   = 9
	kindPong         = 13
	kindDisconnect   = 14
)

// unsupportedVersion is the code by which a broker of MQTT 5 says that it does not speak it; for one of 3.1.1 it is 1.
const (
	unsupportedVersion  = 0x84
	unsupportedVersion4 = 1
	firstRefusal        = 0x80 // codes from here on are refusals
)

// packet is what a broker sends.
type packet struct {
	kind byte
	id   uint16
	// codes are the broker's answers: one, or one for each filter of a subscription.
	codes []byte
	// words are what the broker says about them.
	words   string
	message Message
	// limits come with the first packet.
	limits limits
}

// code returns the only code.
func (p packet) code() byte {
	if len(p.codes) == 0 {
		return 0
	}
	return p.codes[0]
}

// limits are what a broker wants from a client.
type limits struct {
	// underWay is how many messages may wait for their acknowledgement.
	underWay int
	// packet is the longest packet in bytes.
	packet uint32
	// noAcknowledged is true where it takes QoS 0 only, noRetained where it retains nothing.
	noAcknowledged, noRetained bool
	// keepAlive is how often it wants to hear from the client; 0: as often as that wishes.
	keepAlive time.Duration
}

const (
	// mostUnderWay limits what waits for an acknowledgement where the broker does not.
	mostUnderWay = 1024
	// longestPacket is the longest there can be (MQTT 5, 1.5.5), with its header.
	longestPacket = 268_435_455 + 5
)

// unlimited is what a broker of 3.1.1 says of itself, and one of 5 where it says nothing.
func unlimited() limits { return limits{underWay: mostUnderWay, packet: longestPacket} }

// wire makes packets of one version of the protocol, and reads them.
type wire interface {
	protocol() int
	connect(config Config) []byte
	subscribe(id uint16, filters []string) []byte
	publish(id uint16, message Message) []byte
	acknowledge(id uint16) []byte
	ping() []byte
	disconnect() []byte
	read(source io.Reader) (packet, error)
	// words returns what a code means.
	words(code byte) string
}

// wireOf returns the version 5 or 4.
func wireOf(protocol int) wire {
	if protocol == 4 {
		return wire4{}
	}
	return wire5{}
}

// keepAliveSeconds is the time that CONNECT names: whole seconds, at least one, since 0 would mean none.
func (c Config) keepAliveSeconds() uint16 {
	return uint16((c.KeepAlive + time.Second - 1) / time.Second)
}

// longestIncoming is the longest packet that is taken from a broker, in bytes. One of MQTT 5 is told so.
const longestIncoming = 4 << 20

// incoming reads packets.
type incoming struct {
	wire   wire
	source *bufio.Reader
}

// next returns the next packet. Of a message that is longer than longestIncoming it returns topic and id alone, and tooLong.
func (i incoming) next() (found packet, tooLong bool, err error) {
	first, length, err := i.header()
	if err != nil {
		return packet{}, false, err
	}
	if length > longestIncoming {
		found, err = i.skip(first, length)
		return found, true, err
	}
	if first>>4 == kindConnected && length == 2 && i.wire.protocol() == 5 {
		// Of 5 it would be longer: the broker answers by 3.1.1 because it does not understand.
		return i.with(wire4{}).next()
	}
	found, err = i.wire.read(i.source)
	return found, false, err
}

func (i incoming) with(wire wire) incoming { return incoming{wire: wire, source: i.source} }

// header looks at the next packet's first byte, and at how much comes behind the header.
func (i incoming) header() (first byte, length int, err error) {
	const longest = 5
	for size := 2; size <= longest; size++ {
		header, err := i.source.Peek(size)
		if err != nil {
			return 0, 0, err
		}
		last := header[size-1]
		length |= int(last&0x7f) << (7 * (size - 2))
		if last < 0x80 {
			return header[0], length, nil
		}
	}
	return 0, 0, fmt.Errorf("the broker sends what is no MQTT: a packet's length has more than %d bytes", longest-1)
}

// skip reads past a message.
func (i incoming) skip(first byte, length int) (packet, error) {
	if first>>4 != kindMessage {
		return packet{}, fmt.Errorf("the broker sends a packet of %d bytes, which is no message", length)
	}
	var size [2]byte
	if err := i.passHeader(); err != nil {
		return packet{}, err
	}
	if _, err := io.ReadFull(i.source, size[:]); err != nil {
		return packet{}, err
	}
	topic := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(i.source, topic); err != nil {
		return packet{}, err
	}
	found := packet{kind: kindMessage, message: Message{Topic: string(topic), QoS: first >> 1 & 3}}
	length -= len(size) + len(topic)
	if found.message.QoS > 0 {
		if _, err := io.ReadFull(i.source, size[:]); err != nil {
			return packet{}, err
		}
		found.id = binary.BigEndian.Uint16(size[:])
		length -= len(size)
	}
	_, err := io.CopyN(io.Discard, i.source, int64(length))
	return found, err
}

// passHeader reads the first byte and the length behind it.
func (i incoming) passHeader() error {
	if _, err := i.source.Discard(1); err != nil {
		return err
	}
	_, err := binary.ReadUvarint(i.source)
	return err
}
