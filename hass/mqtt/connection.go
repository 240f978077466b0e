package mqtt

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one connection to a broker, from its CONNACK on. A goroutine reads, another one writes; the first that ends ends the connection.
type connection struct {
	network   net.Conn
	incoming  incoming
	wire      wire
	limits    limits
	keepAlive time.Duration
	log       *slog.Logger

	inbox chan<- delivery
	// outgoing are packets for the writer. An empty one stands for DISCONNECT, behind which nothing is written.
	outgoing chan []byte
	// underWay has as many elements as messages wait for their acknowledgement.
	underWay chan struct{}
	// heard is when the last packet came, in nanoseconds since opened; full is true while the inbox has no room, so that nothing is read.
	opened time.Time
	heard  atomic.Int64
	full   atomic.Bool

	// leaving is given when Close wants an end, ended when there is one.
	leaving, ended signal

	mutex sync.Mutex // protects what follows
	// answers are the packets that are waited for, by their id. Its channels have room for one.
	answers map[uint16]chan packet
	lastID  uint16
	err     error // why it ended
}

// delivery is a message for Config.OnMessage, and the connection that it came by.
type delivery struct {
	message Message
	id      uint16
	from    *connection
}

const (
	// inboxSize is how many messages wait for OnMessage before nothing more is read.
	inboxSize = 16
	// outgoingSize is how many packets wait for the network before Publish waits.
	outgoingSize = 64
	bufferSize   = 16 << 10
)

// signal is a channel that is closed once.
type signal struct {
	once    *sync.Once
	channel chan struct{}
}

func newSignal() signal { return signal{once: new(sync.Once), channel: make(chan struct{})} }

func (s signal) give() { s.once.Do(func() { close(s.channel) }) }

// newConnection is one whose CONNACK was read.
func newConnection(network net.Conn, incoming incoming, agreed limits, config Config, inbox chan<- delivery) *connection {
	made := &connection{
		network: network, incoming: incoming, wire: incoming.wire, limits: agreed, keepAlive: config.KeepAlive, log: config.Log, inbox: inbox,
		outgoing: make(chan []byte, outgoingSize), underWay: make(chan struct{}, agreed.underWay), opened: time.Now(),
		leaving: newSignal(), ended: newSignal(), answers: map[uint16]chan packet{},
	}
	if agreed.keepAlive > 0 {
		made.keepAlive = min(made.keepAlive, agreed.keepAlive)
	}
	return made
}

// serve runs the connection to its end, and returns why it ended. Once the subscriptions are made it calls up, whose context ends with the connection.
func (c *connection) serve(ctx context.Context, filters []string, patience time.Duration, up func(context.Context)) error {
	defer context.AfterFunc(ctx, func() { c.end(ctx.Err()) })()
	var work sync.WaitGroup
	work.Go(func() { c.end(c.read()) })
	work.Go(func() { c.end(c.write()) })
	if err := c.subscribe(ctx, filters, patience); err != nil {
		c.end(err)
	} else {
		ctx, cancel := context.WithCancel(ctx)
		work.Go(func() { up(ctx) })
		<-c.ended.channel
		cancel()
	}
	work.Wait()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.err
}

// end ends the connection; the first reason counts.
func (c *connection) end(err error) {
	c.ended.once.Do(func() {
		c.mutex.Lock()
		c.err = err
		c.mutex.Unlock()
		_ = c.network.Close() // what was written has been acknowledged, or counts as lost
		close(c.ended.channel)
	})
}

// read takes what the broker sends.
func (c *connection) read() error {
	for {
		found, tooLong, err := c.incoming.next()
		if err != nil {
			return err
		}
		c.heard.Store(int64(time.Since(c.opened)))
		if tooLong {
			c.log.Warn("a message that is too long is left out", "topic", found.message.Topic, "longest", longestIncoming)
			c.acknowledge(delivery{message: found.message, id: found.id})
			continue
		}
		if err := c.take(found); err != nil {
			return err
		}
	}
}

// take does what a packet asks for.
func (c *connection) take(found packet) error {
	switch found.kind {
	case kindMessage:
		c.deliver(delivery{message: found.message, id: found.id, from: c})
	case kindAcknowledged, kindSubscribed:
		c.settle(found)
	case kindDisconnect:
		return answerOf(c.wire, found)
	case kindPong:
	default:
		return fmt.Errorf("the broker sends a packet of kind %d, which is not expected now", found.kind)
	}
	return nil
}

// deliver puts a message into the inbox. While there is no room nothing is read, and so the broker cannot be heard, though it be alive. One
// that comes after Close is left out.
func (c *connection) deliver(message delivery) {
	select {
	case c.inbox <- message:
		return
	default:
	}
	c.full.Store(true)
	select {
	case c.inbox <- message:
	case <-c.leaving.channel:
	case <-c.ended.channel:
	}
	c.heard.Store(int64(time.Since(c.opened)))
	c.full.Store(false)
}

// acknowledge tells the broker that a message was taken.
func (c *connection) acknowledge(message delivery) {
	if message.message.QoS == 0 {
		return
	}
	select {
	case c.outgoing <- c.wire.acknowledge(message.id):
	case <-c.leaving.channel:
	case <-c.ended.channel:
	}
}

// settle gives an answer to who waits for it.
func (c *connection) settle(answer packet) {
	c.mutex.Lock()
	waiting, found := c.answers[answer.id]
	delete(c.answers, answer.id)
	c.mutex.Unlock()
	if !found {
		return // of a message that was never sent: nothing depends on it
	}
	waiting <- answer
	if answer.kind != kindAcknowledged {
		return
	}
	select {
	case <-c.underWay:
	default: // it was no message: the broker is mistaken
	}
}

// expect returns a packet's id and where its answer will be.
func (c *connection) expect() (uint16, <-chan packet) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for {
		c.lastID++
		if _, used := c.answers[c.lastID]; c.lastID == 0 || used {
			continue
		}
		answer := make(chan packet, 1)
		c.answers[c.lastID] = answer
		return c.lastID, answer
	}
}

// write sends packets, several at once where several wait, and asks the broker for a sign of life.
func (c *connection) write() error {
	buffer := bufio.NewWriterSize(c.network, bufferSize)
	tick := time.NewTicker(max(c.keepAlive/2, time.Millisecond))
	defer tick.Stop()
	silent := true // whether nothing was sent since the last tick
	for {
		var err error
		var last bool
		select {
		case next := <-c.outgoing:
			last, err = c.send(buffer, next)
			silent = false
		case <-tick.C:
			err = c.keep(buffer, silent)
			silent = true
		case <-c.ended.channel:
			return nil
		}
		if err != nil {
			return err
		}
		if last {
			<-c.ended.channel
			return nil
		}
	}
}

// send writes a packet and those that wait behind it.
func (c *connection) send(buffer *bufio.Writer, next []byte) (last bool, err error) {
	if err := c.network.SetWriteDeadline(time.Now().Add(c.keepAlive)); err != nil {
		return false, err
	}
	for written := 1; ; written++ {
		if last = len(next) == 0; last {
			next = c.wire.disconnect()
		}
		if _, err := buffer.Write(next); err != nil {
			return false, err
		}
		if last || written >= outgoingSize || len(c.outgoing) == 0 {
			return last, buffer.Flush()
		}
		next = <-c.outgoing
	}
}

// keep is called twice within the keep-alive time. It asks for an answer unless packets go both ways, and ends a connection on which none has come for too long.
func (c *connection) keep(buffer *bufio.Writer, silent bool) error {
	full := c.full.Load() // before heard, which is set before full is taken back
	unheard := time.Since(c.opened) - time.Duration(c.heard.Load())
	if !full && unheard > c.keepAlive {
		return errSilent
	}
	if !full && !silent && unheard < c.keepAlive/2 {
		return nil
	}
	_, err := c.send(buffer, c.wire.ping())
	return err
}

// subscribe asks for the topics, and waits for the answer.
func (c *connection) subscribe(ctx context.Context, filters []string, patience time.Duration) error {
	if len(filters) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	id, answer := c.expect()
	if err := c.enqueue(ctx, c.wire.subscribe(id, filters)); err != nil {
		return err
	}
	found, err := c.await(ctx, answer)
	if err != nil {
		return err
	}
	for i, code := range found.codes {
		if code >= firstRefusal {
			refusal := answerOf(c.wire, packet{codes: []byte{code}, words: found.words})
			return &subscriptionError{filter: filters[min(i, len(filters)-1)], err: refusal}
		}
	}
	return nil
}

// subscriptionError says which filter was refused.
type subscriptionError struct {
	filter string
	err    error
}

func (e *subscriptionError) Error() string { return fmt.Sprintf("%q: %v", e.filter, e.err) }
func (e *subscriptionError) Unwrap() error { return e.err }

// farewell sends DISCONNECT behind what waits to be written, and waits until the broker has ended the connection: were it closed here with something unread, the broker might miss the DISCONNECT, and publish the will.
func (c *connection) farewell(ctx context.Context) {
	select {
	case c.outgoing <- nil:
	case <-c.ended.channel:
		return
	case <-ctx.Done():
		return
	}
	c.leaving.give()
	select {
	case <-c.ended.channel:
	case <-ctx.Done():
	}
}

// dismiss ends a connection that was never served.
func (c *connection) dismiss() {
	if c.network.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = c.network.Write(c.wire.disconnect()) // it ends all the same
	}
	c.end(ErrClosed)
}
