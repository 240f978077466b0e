package store

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// try repeats work that fails for a reason that may pass, until it succeeds, patience is at its end or the context is.
func (b *bucket) try(ctx context.Context, work func(context.Context) error) error {
	var failing time.Time
	var before error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := work(ctx)
		if ended := context.Cause(ctx); err != nil && ended != nil {
			return withReason(ended, before)
		}
		if err == nil || !passes(err) {
			return err
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		if time.Since(failing) > b.options.Patience {
			return err
		}
		before = err
		if ended := rest(ctx, pause); ended != nil {
			return withReason(ended, before)
		}
	}
}

// withReason says of an attempt that was not waited for any more what was wrong before.
func withReason(ended, before error) error {
	if before == nil {
		return ended
	}
	return fmt.Errorf("%w, after %w", ended, before)
}

// rest waits for about as long as it is told, so that not all who wait come back together.
func rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause/2 + rand.N(pause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// passes reports whether something else may come of the same request later: the service is busy, or was not reached.
func passes(err error) bool {
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		return answerPasses(answer)
	}
	if _, ok := errors.AsType[*OrderError](err); ok {
		return false
	}
	var network net.Error
	return !isCertificate(err) && (errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF))
}

func answerPasses(answer minio.ErrorResponse) bool {
	if isFull(answer) {
		return false
	}
	// AWS answers the second of two conditional requests at the same time so: nothing was done, try again.
	codes := []string{"ConditionalRequestConflict", "OperationAborted", "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"}
	statuses := []int{
		http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}
	return slices.Contains(codes, answer.Code) || slices.Contains(statuses, answer.StatusCode)
}

// isCertificate reports that the service's certificate is not accepted, which will not change by itself.
func isCertificate(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || other || invalid
}
