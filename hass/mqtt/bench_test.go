package mqtt_test

import (
	"fmt"
	"testing"

	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// BenchmarkPublish publishes retained messages of 100 bytes to 1,000 topics, one after another or pipelined by 64 goroutines.
func BenchmarkPublish(b *testing.B) {
	for _, test := range []struct {
		qos      byte
		parallel int
	}{{0, 1}, {1, 1}, {1, 64}} {
		for _, protocol := range []int{5, 4} {
			b.Run(fmt.Sprintf("protocol=%d/qos=%d/parallel=%d", protocol, test.qos, test.parallel), func(b *testing.B) {
				client := connect(b, mqtt.Config{URL: dbtest.Mosquitto(b).URL(), Protocol: protocol})
				work := make(chan int, test.parallel)
				ended := make(chan error, test.parallel)
				b.ReportAllocs()
				for range test.parallel {
					go func() { ended <- publishAll(b, client, test.qos, work) }()
				}
				for i := range b.N {
					work <- i
				}
				close(work)
				for range test.parallel {
					if err := <-ended; err != nil {
						b.Fatal(err)
					}
				}
				publish(b, client, mqtt.Message{Topic: "end", QoS: 1}) // what was written before has been taken
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}

func publishAll(b *testing.B, client *mqtt.Client, qos byte, work <-chan int) (err error) {
	payload := make([]byte, 100)
	for i := range work {
		if err == nil {
			err = client.Publish(b.Context(), mqtt.Message{Topic: fmt.Sprintf("synapse/app/entity-%d/state", i%1000), Payload: payload, QoS: qos, Retain: true})
		}
	}
	return err
}
