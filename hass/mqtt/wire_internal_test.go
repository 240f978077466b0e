package mqtt

import (
	"bufio"
	"bytes"
	"testing"
)

func reading(spoken wire, content []byte) incoming {
	return incoming{wire: spoken, source: bufio.NewReader(bytes.NewReader(content))}
}

func TestWhatIsNoMQTTIsRefused(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"length without an end":    {0x30, 0xff, 0xff, 0xff, 0xff, 0x01},
		"long packet, no message":  {0x90, 0xff, 0xff, 0xff, 0x7f, 0},
		"unknown kind":             {0x00, 0x00},
		"packet of a client":       {0x82, 5, 0, 1, 0, 1, 'a'},
		"end in the middle":        {0x30, 10, 0},
		"long message with an end": {0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, each := range []wire{wire5{}, wire4{}} {
				if found, _, err := reading(each, content).next(); err == nil {
					t.Errorf("version %d reads %+v", each.protocol(), found)
				}
			}
		})
	}
}

// FuzzIncoming reads what a broker might send, which must neither end the program nor take much memory.
func FuzzIncoming(f *testing.F) {
	for _, each := range []wire{wire5{}, wire4{}} {
		f.Add(each.protocol() == 5, each.publish(7, Message{Topic: "a/b", Payload: []byte("text"), QoS: 1}))
		f.Add(each.protocol() == 5, each.acknowledge(7))
		f.Add(each.protocol() == 5, each.disconnect())
	}
	f.Add(true, []byte{0x20, 6, 0, 0, 3, 0x21, 0, 10})
	f.Add(true, []byte{0x20, 2, 0, 1})
	f.Add(false, []byte{0x20, 2, 0, 5})
	f.Add(false, []byte{0x90, 3, 0, 1, 0x80})
	f.Fuzz(func(_ *testing.T, five bool, content []byte) {
		spoken := wire(wire4{})
		if five {
			spoken = wire5{}
		}
		source := reading(spoken, content)
		for {
			if _, _, err := source.next(); err != nil {
				return
			}
		}
	})
}
