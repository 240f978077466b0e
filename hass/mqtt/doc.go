// Package mqtt keeps a connection to an MQTT broker, of version 5 or 3.1.1: TLS, a last will, subscriptions, and a new connection whenever one is lost. It never queues a message for later,
// so that its memory does not grow while the broker is away, and it knows nothing of Home Assistant. Begin with Open, and publish from Config.OnUp what the broker is to know.
package mqtt
