package mqtt

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Client keeps a connection to a broker. Its methods may be called from several goroutines.
type Client struct {
	config Config
	dialer *dialer
	cancel context.CancelFunc
	ended  chan struct{}

	mutex   sync.Mutex // protects what follows
	status  Status
	current *connection // nil while there is none
	up      bool        // whether current has its subscriptions
	closed  bool
}

// Status is how a connection is.
type Status struct {
	// Broker is its address, without a secret.
	Broker    string
	Connected bool
	// Since is when Connected became what it is.
	Since time.Time
	// Protocol is 5, or 4 for MQTT 3.1.1; of the last connection while there is none, and 0 before the first.
	Protocol int
	// Attempts is how often a connection has been tried since Open or since the last one was up; while there is one, how many attempts it took.
	Attempts int
	// LastError says why the last connection or attempt failed, a *ConnectError. It stays when a connection is up again.
	LastError error
	// NextAttempt is when a connection is tried again; zero while there is one, or while one is being made.
	NextAttempt time.Time
}

// Open checks the configuration, and begins to keep a connection. It does not wait for the broker. The error is a *ConfigError.
func Open(config Config) (*Client, error) {
	broker, err := parseAddress(config.URL)
	if err != nil {
		return nil, err
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	if _, err := config.encryption(broker); err != nil {
		return nil, err
	}
	config = config.completed()
	inbox := make(chan delivery, inboxSize)
	ctx, cancel := context.WithCancel(context.Background())
	client := &Client{
		config: config, dialer: &dialer{config: config, broker: broker, inbox: inbox}, cancel: cancel, ended: make(chan struct{}),
		status: Status{Broker: broker.String(), Since: time.Now()},
	}
	go client.run(ctx, inbox)
	return client, nil
}

// run keeps a connection, and has messages delivered, until Close.
func (c *Client) run(ctx context.Context, inbox <-chan delivery) {
	defer close(c.ended)
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { c.deliver(ctx, inbox) })
	pauses := pauses{first: c.config.FirstBackOff, longest: c.config.LongestBackOff}
	for {
		lasted, failure := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := pauses.next(lasted, failure.lasting, rand.Float64())
		c.failed(failure, pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// deliver calls OnMessage, one message after another.
func (c *Client) deliver(ctx context.Context, inbox <-chan delivery) {
	for {
		select {
		case next := <-inbox:
			if ctx.Err() != nil {
				return
			}
			c.config.OnMessage(next.message)
			next.from.acknowledge(next)
		case <-ctx.Done():
			return
		}
	}
}

// once makes a connection and runs it to its end. It returns how long it was up.
func (c *Client) once(ctx context.Context) (lasted time.Duration, failure *ConnectError) {
	c.attempting()
	made, err := c.dialer.dial(ctx)
	if err != nil {
		failure, _ = errors.AsType[*ConnectError](err)
		return 0, failure
	}
	if !c.take(made) {
		return 0, c.dialer.failure(ctx, doingLogin, ErrClosed)
	}
	var began time.Time
	err = made.serve(ctx, c.config.Subscribe, c.config.ConnectTimeout, func(ctx context.Context) {
		began = time.Now()
		c.note(made)
		c.config.OnUp(ctx)
	})
	c.down()
	if began.IsZero() {
		return 0, c.dialer.failure(ctx, doingSubscribe, err)
	}
	return time.Since(began), c.dialer.failure(ctx, doingStay, err)
}

func (c *Client) attempting() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.status.Attempts++
	c.status.NextAttempt = time.Time{}
}

// take makes a connection the current one, unless Close was faster: it then ends without the will.
func (c *Client) take(made *connection) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		made.dismiss()
		return false
	}
	c.current = made
	return true
}

// note notes that the current connection is up.
func (c *Client) note(made *connection) {
	c.mutex.Lock()
	c.up = true
	c.status.Connected, c.status.Since, c.status.Protocol = true, time.Now(), made.wire.protocol()
	attempts := c.status.Attempts
	c.mutex.Unlock()
	c.config.Log.Info("connected to the MQTT broker", "broker", c.dialer.broker.String(), "protocol", made.wire.protocol(), "attempts", attempts)
}

// down notes that the current connection has ended.
func (c *Client) down() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.up {
		c.status.Connected, c.status.Since, c.status.Attempts = false, time.Now(), 0
	}
	c.current, c.up = nil, false
}

// failed notes why there is no connection. What is the same as before is logged for those only who want all.
func (c *Client) failed(failure *ConnectError, pause time.Duration) {
	c.mutex.Lock()
	known := c.status.Attempts > 1 && c.status.LastError != nil && c.status.LastError.Error() == failure.Error()
	c.status.LastError, c.status.NextAttempt = failure, time.Now().Add(pause)
	c.mutex.Unlock()
	log := c.config.Log.Warn
	if known {
		log = c.config.Log.Debug
	}
	log("no connection to the MQTT broker", "error", failure, "next_attempt_in", pause.String())
}

// Publish sends a message. With QoS 1 it returns when the broker has acknowledged it; several calls may wait at once, as many as the broker allows. With QoS 0 it returns when the message is on its
// way, which is no promise.
//
// While there is no connection the error is ErrOffline at once, and one that wraps it when the connection is lost before the acknowledgement. It is a *MessageError where a message cannot be published, a
// *RefusedError where the broker refuses it, and ErrClosed after Close. When the context ends the message may have been published, or may still be.
func (c *Client) Publish(ctx context.Context, message Message) error {
	if problem := messageProblem(message); problem != "" {
		return &MessageError{Topic: message.Topic, Problem: problem}
	}
	c.mutex.Lock()
	current, up, closed := c.current, c.up, c.closed
	c.mutex.Unlock()
	switch {
	case closed:
		return ErrClosed
	case !up:
		return ErrOffline
	}
	return current.publish(ctx, message)
}

// Status tells how the connection is. It waits for nothing.
func (c *Client) Status() Status {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.status
}

// Close ends the connection in order: what Publish has taken is sent before, and the broker does not publish the will. It returns when nothing of the client is left, OnUp and OnMessage among it,
// or when the context ends; then the connection is cut, and the error is the context's. So is one that is just being made, of which the broker may publish the will. A second call waits as the first does.
func (c *Client) Close(ctx context.Context) error {
	c.mutex.Lock()
	current := c.current
	c.closed = true
	c.mutex.Unlock()
	if current != nil {
		ctx, cancel := context.WithTimeout(ctx, c.config.ConnectTimeout)
		current.farewell(ctx)
		cancel()
	}
	c.cancel()
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
