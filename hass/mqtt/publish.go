package mqtt

import (
	"context"
	"errors"
	"fmt"
)

// enqueue gives a packet to the writer.
func (c *connection) enqueue(ctx context.Context, encoded []byte) error {
	select {
	case c.outgoing <- encoded:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.leaving.channel:
		return ErrClosed
	case <-c.ended.channel:
		return ErrOffline
	}
}

// await waits for an answer. One that has come counts, even if the connection has ended since.
func (c *connection) await(ctx context.Context, answer <-chan packet) (packet, error) {
	select {
	case found := <-answer:
		return found, nil
	case <-ctx.Done():
		return packet{}, context.Cause(ctx)
	case <-c.ended.channel:
	}
	select {
	case found := <-answer:
		return found, nil
	default:
		return packet{}, ErrOffline
	}
}

// publish sends a message, and waits for its acknowledgement where QoS is 1. An id stays in use until the broker answers, also when nobody waits any more.
func (c *connection) publish(ctx context.Context, message Message) error {
	if err := c.fits(message); err != nil {
		return err
	}
	if message.QoS == 0 {
		return c.enqueue(ctx, c.wire.publish(0, message))
	}
	select {
	case c.underWay <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.leaving.channel:
		return ErrClosed
	case <-c.ended.channel:
		return ErrOffline
	}
	id, answer := c.expect()
	if err := c.enqueue(ctx, c.wire.publish(id, message)); err != nil {
		c.settle(packet{kind: kindAcknowledged, id: id}) // it was not sent
		return err
	}
	found, err := c.await(ctx, answer)
	if errors.Is(err, ErrOffline) {
		return fmt.Errorf("publish to %q: the connection was lost before the broker acknowledged it: %w", message.Topic, err)
	}
	if err == nil && found.code() >= firstRefusal {
		return &RefusedError{Topic: message.Topic, Code: found.code(), Reason: reason(c.wire, found)}
	}
	return err
}

// fits says what the broker does not take: it would end the connection. The header takes at most 16 bytes.
func (c *connection) fits(message Message) error {
	const header = 16
	var problem string
	switch {
	case len(message.Topic)+len(message.Payload)+header > int(c.limits.packet):
		problem = fmt.Sprintf("it is longer than the %d bytes that the broker takes", c.limits.packet)
	case message.QoS > 0 && c.limits.noAcknowledged:
		problem = "the broker acknowledges no messages: QoS has to be 0"
	case message.Retain && c.limits.noRetained:
		problem = "the broker retains no messages"
	default:
		return nil
	}
	return &MessageError{Topic: message.Topic, Problem: problem}
}
