package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// RetryPolicy says how often and how patiently a call is sent again. The zero
// value of a field means its default.
type RetryPolicy struct {
	// MaxAttempts is the most times a call is sent, the first included; those
	// that got a 429 are not counted. Default 4; 1 never sends again, also after
	// a 429.
	MaxAttempts int
	// FirstDelay is the mean of the first wait; each wait is drawn between
	// zero and twice its mean, and the mean doubles. Default 200 ms.
	FirstDelay time.Duration
	// MaxDelay is the longest mean, also of the first wait. Default 10 s.
	MaxDelay time.Duration
	// MaxRetryAfter is the longest Retry-After that is waited for; a longer
	// one fails the call at once, and after a 429 each call of the client that
	// would have to wait longer. A drawn wait is added to it, so that not all
	// who were told the same come back together. Where a server responds with 429 to
	// everything, calls fail after as long. Default one minute.
	MaxRetryAfter time.Duration
	// Budget is how many retries the calls of a client share; each call that
	// succeeds earns back a tenth of one, up to Budget. With none left,
	// nothing is sent again. Default 50.
	Budget int
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = 4
	}
	if p.FirstDelay == 0 {
		p.FirstDelay = 200 * time.Millisecond
	}
	if p.MaxDelay == 0 {
		p.MaxDelay = 10 * time.Second
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = time.Minute
	}
	return p
}

// retry sends a call again where its class allows it.
func retry(next Handler, policy RetryPolicy, budget *Budget, service string, logger *slog.Logger) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		delays := backoff.ExponentialBackOff{
			InitialInterval:     min(policy.FirstDelay, policy.MaxDelay),
			RandomizationFactor: 1, // full jitter: from zero to twice the mean
			Multiplier:          2,
			MaxInterval:         policy.MaxDelay,
		}
		delays.Reset()
		var refusals refusals
		for tries := 1; ; {
			if ctx.Err() != nil {
				return nil, ContextError(ctx)
			}
			resp, err := next(ctx, call)
			if !retryable(call, resp, err) {
				if err == nil && succeeded(resp) {
					budget.succeeded()
				}
				return resp, err
			}
			var asked, wait time.Duration
			if resp != nil {
				asked, _ = safehttp.RetryAfter(resp.Header, time.Now())
			}
			if err == nil && throttled(resp) {
				call.GaveUp = refusals.giveUp(ctx, policy, asked)
			} else {
				wait = asked + delays.NextBackOff()
				call.GaveUp = giveUp(ctx, policy, budget, tries, wait, asked)
				tries++
			}
			if call.GaveUp != "" {
				return resp, err
			}
			if logger != nil {
				logger.LogAttrs(ctx, slog.LevelInfo, "sending a call again", slog.String("service", service),
					slog.String("operation", string(call.Operation.ID)), slog.Int("attempt", call.Attempts),
					slog.Duration("after", max(wait, asked)), slog.String("reason", reason(resp, err)))
			}
			if resp != nil {
				discard(resp)
			}
			if err := sleep(ctx, wait); err != nil {
				return nil, err
			}
		}
	}
}

// refusals are the 429s that one call got. It waits for its next turn
// in the limiter, together with all others, and is sent again for as long as
// that serves: a fleet at its limit must not fail for being large.
type refusals struct {
	n     int
	since time.Time // the first
}

// mostRefusals is after how many a call fails that was refused for longer than
// MaxRetryAfter, although others were not: its operation or its user has a
// limit of its own, which is not waited for without end.
const mostRefusals = 20

// giveUp returns why a call that got a 429 will not be sent again, or
// "". The limiter's word on it is a *LimitError, at the call's next turn.
func (r *refusals) giveUp(ctx context.Context, policy RetryPolicy, asked time.Duration) string {
	if r.n++; r.n == 1 {
		r.since = time.Now()
	}
	switch refused := time.Since(r.since); {
	case policy.MaxAttempts == 1:
		return "tried once"
	case r.n >= mostRefusals && refused > policy.MaxRetryAfter:
		return fmt.Sprintf("refused %d times in %v", r.n, refused.Round(time.Second))
	default:
		return waitTooLong(ctx, policy, asked, asked)
	}
}

// giveUp returns why a call that may be sent again will not be, or "".
func giveUp(ctx context.Context, policy RetryPolicy, budget *Budget, tries int, wait, asked time.Duration) string {
	if tries >= policy.MaxAttempts {
		return fmt.Sprintf("tried %d times", tries)
	}
	if why := waitTooLong(ctx, policy, wait, asked); why != "" {
		return why
	}
	if !budget.take() {
		return "too many calls of this client fail: its retry budget is used up"
	}
	return ""
}

// waitTooLong returns why a wait is too long, or "".
func waitTooLong(ctx context.Context, policy RetryPolicy, wait, asked time.Duration) string {
	if asked > policy.MaxRetryAfter {
		return fmt.Sprintf("the server asks to wait %v, and at most %v is waited for", asked, policy.MaxRetryAfter)
	}
	if passesDeadline(ctx, wait) {
		return fmt.Sprintf("waiting %v would pass the caller's deadline", wait.Round(time.Millisecond))
	}
	return ""
}

// retryable reports whether the outcome of a call allows it to be sent again.
func retryable(call *Call, resp *http.Response, err error) bool {
	op := call.Operation
	repeatable := op.Retry == spec.RetrySafe ||
		op.Retry == spec.RetryIdempotencyKey && op.IdempotencyTrusted && call.Request.Header.Get(op.IdempotencyHeader) != ""
	if err != nil {
		var network *NetworkError
		return errors.As(err, &network) && (repeatable || network.Unsent) && !permanent(err)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		return true
	case code == http.StatusNotImplemented, code == http.StatusHTTPVersionNotSupported:
		return false
	default:
		return repeatable && (code == http.StatusRequestTimeout || code >= 500)
	}
}

// permanent reports whether a failed connection will fail in the same way each time
// until somebody changes a setting: a certificate that is not trusted or is not
// the host's, a server that does not speak TLS, a proxy that wants credentials.
func permanent(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		noTLS        tls.RecordHeaderError
	)
	if errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		errors.As(err, &noTLS) || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	// Of a CONNECT that a proxy refuses net/http passes on the reason phrase alone.
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.EqualFold(err.Error(), http.StatusText(http.StatusProxyAuthRequired)) {
			return true
		}
	}
	return false
}

func reason(resp *http.Response, err error) string {
	if err != nil {
		return err.Error() // a NetworkError prints redacted
	}
	return resp.Status
}

// discard reads a little of a response nobody wants, for a little while, so
// that its connection can be used again, and closes it.
func discard(resp *http.Response) {
	const most, patience = 64 << 10, time.Second
	if x, ok := resp.Body.(*exchange); ok {
		x.shorten(patience)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, most) // the response is given up either way
	_ = resp.Body.Close()
}
