package store

import (
	"context"
	"crypto/md5" //nolint:gosec // the checksum of the protocol, not a secret
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

// leased is the content of the lock's object. No two have the same, since conditions compare objects by the sum of their contents.
type leased struct {
	// ID is the holder's; empty when nobody has the lock.
	ID string `json:"id"`
	// Holder says who that is.
	Holder string `json:"holder,omitempty"`
	// LeaseMS is how long the lock is held from the moment at which the object was last written, by the service's clock.
	LeaseMS int64 `json:"lease_ms,omitempty"`
	// Nonce is anew in each.
	Nonce string `json:"nonce"`
}

// found is the lock's object as it was read.
type found struct {
	leased

	etag string
	// proved is set when the ETag is the sum of the content.
	proved bool
	// age is since when it is unchanged, by the service's clock.
	age      time.Duration
	knownAge bool
}

// clockGrain is how exactly services tell the time, twice: of the object and of the answer.
const clockGrain = 2 * time.Second

// free reports whether the lock can be taken: given back, or its lease has run out, with something to spare for machines of the service whose clocks differ.
func (f found) free() bool {
	lease := time.Duration(f.LeaseMS) * time.Millisecond
	return f.ID == "" || f.knownAge && f.age >= lease+lease/4+clockGrain
}

// lease is a lock that this process has.
type lease struct {
	bucket *bucket
	now    leased
	etag   string
	// until is when others may take it, by this process's clock.
	until time.Time

	lose  context.CancelCauseFunc
	stop  context.CancelFunc
	ended chan struct{} // closed when nothing renews it any more
	lost  error         // read when ended is closed
}

// Lock writes the lock's object, and renews it until unlock is called.
func (b *bucket) Lock(ctx context.Context) (held context.Context, unlock func() error, err error) {
	l := &lease{bucket: b, now: leased{ID: rand.Text(), Holder: whoWeAre(), LeaseMS: b.options.Lease.Milliseconds()}, ended: make(chan struct{})}
	if err := l.take(ctx); err != nil {
		if _, locked := errors.AsType[*LockedError](err); locked {
			return nil, nil, err
		}
		return nil, nil, b.failure("lock", "", err)
	}
	if err := l.testConditions(ctx); err != nil {
		return nil, nil, errors.Join(b.failure("lock", "", err), l.giveBack(ctx))
	}
	held, l.lose = context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(held)
	l.stop = stop
	go l.keep(renewing)
	return held, sync.OnceValue(func() error { return l.unlock(ctx) }), nil
}

// take writes the object if nobody has the lock.
func (l *lease) take(ctx context.Context) error {
	const attempts = 3 // another one may be faster, and give it back
	for range attempts {
		current, err := l.bucket.readLock(ctx)
		switch {
		case isMissing(err):
			err = l.write(ctx, "")
		case err != nil:
			return err
		case !current.free():
			return &LockedError{Store: l.bucket.String(), Who: current.Holder}
		default:
			err = l.write(ctx, current.etag)
		}
		if !isConflict(err) && !isMissing(err) {
			return err
		}
	}
	return &LockedError{Store: l.bucket.String()}
}

// readLock reads the lock's object: what is in it, and the ETag that belongs to that. Not every service tells both of the same moment, while another one writes. Mostly the ETag
// proves it, being the sum of the content; where it never is, the same answer has to come several times.
func (b *bucket) readLock(ctx context.Context) (current found, err error) {
	const answers = 5
	for same := 0; same < answers; {
		before := current
		if err := b.try(ctx, func(ctx context.Context) (err error) {
			current, err = b.readLockOnce(ctx)
			return err
		}); err != nil {
			return current, err
		}
		if current.proved {
			return current, nil
		}
		if same++; current.etag != before.etag || current.leased != before.leased {
			same = 1
		}
		if err := rest(ctx, firstPause); err != nil {
			return current, err
		}
	}
	return current, nil
}

func (b *bucket) readLockOnce(ctx context.Context) (current found, err error) {
	core := minio.Core{Client: b.client}
	body, info, header, err := core.GetObject(ctx, b.options.Bucket, b.key(lockName), minio.GetObjectOptions{})
	if err != nil {
		return current, err
	}
	defer func() { _ = body.Close() }() // only read
	const longest = 1 << 16
	content, err := io.ReadAll(io.LimitReader(body, longest))
	if err != nil {
		return current, err
	}
	sum := md5.Sum(content) //nolint:gosec // what services use
	current.etag, current.proved = info.ETag, info.ETag == hex.EncodeToString(sum[:])
	current.age, current.knownAge = age(info, header)
	if json.Unmarshal(content, &current.leased) != nil {
		// Not ours to judge: it counts as held for as long as ours would be.
		current.leased = leased{ID: "unknown", LeaseMS: b.options.Lease.Milliseconds()}
	}
	return current, nil
}

// write writes the object anew, on condition that the one with an ETag is there; without one, that there is none. The lease counts from before the first attempt.
func (l *lease) write(ctx context.Context, etag string) error {
	began := time.Now()
	l.now.Nonce = rand.Text()
	content, err := json.Marshal(l.now)
	if err != nil {
		return err
	}
	condition := onlyNew(nil)
	if etag != "" {
		condition = onlyFor(etag)
	}
	err = l.bucket.try(ctx, func(ctx context.Context) error {
		var err error
		l.etag, err = l.bucket.put(ctx, lockName, content, condition)
		return err
	})
	if isConflict(err) {
		err = l.recognise(ctx, err)
	}
	if err == nil {
		l.until = began.Add(l.bucket.options.Lease)
	}
	return err
}

// recognise takes a refusal for a success when the object is the one that an earlier attempt has written, whose answer was lost.
func (l *lease) recognise(ctx context.Context, refusal error) error {
	current, err := l.bucket.readLock(ctx)
	if err != nil {
		return errors.Join(refusal, err)
	}
	if current.Nonce != l.now.Nonce {
		return refusal
	}
	l.etag = current.etag
	return nil
}

// testConditions writes what a service has to refuse: one that does not would let two have the lock, and replace files.
func (l *lease) testConditions(ctx context.Context) error {
	const nobodys = "00000000000000000000000000000000"
	for name, condition := range map[string]minio.PutObjectOptions{"If-None-Match": onlyNew(nil), "If-Match": onlyFor(nobodys)} {
		content, err := json.Marshal(l.now)
		if err != nil {
			return err
		}
		err = l.bucket.try(ctx, func(ctx context.Context) error {
			_, err := l.bucket.put(ctx, lockName, content, condition)
			return err
		})
		if err == nil {
			return &ConditionsError{Header: name}
		}
		if !isConflict(err) {
			return err
		}
	}
	return nil
}

// ConditionsError says that a service takes no notice of the conditions of a request. It is errors.ErrUnsupported.
type ConditionsError struct {
	// Header is that with the condition.
	Header string
}

// Error says what the service lacks.
func (e *ConditionsError) Error() string {
	return fmt.Sprintf("the service writes over an object although the request's %s says that it must not, so nothing would keep two backups apart; %s", e.Header, conditionsHint)
}

// Unwrap says what kind of error it is.
func (e *ConditionsError) Unwrap() error { return errors.ErrUnsupported }

// keep renews the lease until its context ends or it is lost.
func (l *lease) keep(ctx context.Context) {
	defer close(l.ended)
	tick := time.NewTicker(l.bucket.options.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.renew(ctx); err != nil {
			if ctx.Err() == nil {
				l.lost = &LostError{Store: l.bucket.String(), Err: err}
				l.lose(l.lost)
			}
			return
		}
	}
}

// renew writes the object once more, as long as others have to respect it.
func (l *lease) renew(ctx context.Context) error {
	inTime, cancel := context.WithDeadline(ctx, l.until)
	defer cancel()
	err := l.write(inTime, l.etag)
	if isConflict(err) {
		current, err := l.bucket.readLock(inTime)
		if err == nil && current.Holder != "" {
			return fmt.Errorf("%s has taken it", current.Holder)
		}
		return errors.Join(errors.New("somebody has taken it"), err)
	}
	if err != nil && inTime.Err() != nil {
		return fmt.Errorf("it could not be renewed for %v: %w", l.bucket.options.Lease, err)
	}
	return err
}

// unlock gives the lock back. The error is the *LostError when it was lost before.
func (l *lease) unlock(ctx context.Context) error {
	l.stop()
	<-l.ended
	l.lose(nil)
	if l.lost != nil {
		return l.lost
	}
	return l.giveBack(ctx)
}

// patienceAtEnd is how long an unlocking tries, so that a process that was told to end does.
const patienceAtEnd = 10 * time.Second

// giveBack writes that nobody has the lock. A removal would have no condition, and might be that of the next holder's.
func (l *lease) giveBack(ctx context.Context) error {
	inTime, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(patienceAtEnd, time.Until(l.until)))
	defer cancel()
	id := l.now.ID
	l.now = leased{}
	err := l.write(inTime, l.etag)
	if isConflict(err) {
		// A renewal that was broken off may have arrived.
		var current found
		if current, err = l.bucket.readLock(inTime); err == nil && current.ID == id {
			err = l.write(inTime, current.etag)
		}
	}
	if err != nil {
		return fmt.Errorf("%w (others have to wait until the lock has run out)", l.bucket.failure("unlock", "", err))
	}
	return nil
}

// age is how long ago an object was last changed, by the service's own clock, which tells whole seconds. It is not known when the service sends no time.
func age(info minio.ObjectInfo, header http.Header) (age time.Duration, known bool) {
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil || info.LastModified.IsZero() {
		return 0, false
	}
	return now.Sub(info.LastModified), true
}
