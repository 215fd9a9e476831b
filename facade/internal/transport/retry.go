package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// RetryPolicy says how often and how patiently a call is sent again. The zero
// value of a field means its default.
type RetryPolicy struct {
	// MaxAttempts is the most times a call is sent, the first included.
	// Default 4; 1 never sends again.
	MaxAttempts int
	// FirstDelay is the mean of the first wait; each wait is drawn between
	// zero and twice its mean, and the mean doubles. Default 200 ms.
	FirstDelay time.Duration
	// MaxDelay is the longest mean, also of the first wait. Default 10 s.
	MaxDelay time.Duration
	// MaxRetryAfter is the longest Retry-After that is waited for; a longer
	// one fails the call at once. The drawn wait is added to it, so that not
	// all who were told the same come back together. Default one minute.
	MaxRetryAfter time.Duration
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

// retried sends a call again where its class allows it.
func retried(next Handler, policy RetryPolicy, budget *Budget, service string, logger *slog.Logger) Handler {
	policy = policy.withDefaults()
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		delays := backoff.ExponentialBackOff{
			InitialInterval:     min(policy.FirstDelay, policy.MaxDelay),
			RandomizationFactor: 1, // full jitter: from zero to twice the mean
			Multiplier:          2,
			MaxInterval:         policy.MaxDelay,
		}
		delays.Reset()
		for tries := 1; ; tries++ {
			if ctx.Err() != nil {
				return nil, Ended(ctx)
			}
			resp, err := next(ctx, call)
			if !again(call, resp, err) {
				if err == nil {
					budget.succeeded()
				}
				return resp, err
			}
			var asked time.Duration
			if resp != nil {
				asked, _ = safehttp.RetryAfter(resp.Header, time.Now())
			}
			wait := asked + delays.NextBackOff()
			if call.GaveUp = giveUp(ctx, policy, budget, tries, wait, asked); call.GaveUp != "" {
				return resp, err
			}
			if logger != nil {
				logger.LogAttrs(ctx, slog.LevelInfo, "sending a call again", slog.String("service", service),
					slog.String("operation", string(call.Operation.ID)), slog.Int("attempt", call.Attempts),
					slog.Duration("after", wait), slog.String("because", reason(resp, err)))
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

// giveUp returns why a call that may be sent again will not be, or "".
func giveUp(ctx context.Context, policy RetryPolicy, budget *Budget, tries int, wait, asked time.Duration) string {
	if tries >= policy.MaxAttempts {
		return fmt.Sprintf("tried %d times", tries)
	}
	if asked > policy.MaxRetryAfter {
		return fmt.Sprintf("the server asks to wait %v, and at most %v is waited for", asked, policy.MaxRetryAfter)
	}
	if tooLong(ctx, wait) {
		return fmt.Sprintf("waiting %v would pass the caller's deadline", wait.Round(time.Millisecond))
	}
	if !budget.take() {
		return "too many calls of this client fail: its retry budget is used up"
	}
	return ""
}

// again reports whether the outcome of a call allows it to be sent again.
func again(call *Call, resp *http.Response, err error) bool {
	op := call.Operation
	repeatable := op.Retry == spec.RetrySafe ||
		op.Retry == spec.RetryIdempotencyKey && op.IdempotencyTrusted && call.Request.Header.Get(op.IdempotencyHeader) != ""
	if err != nil {
		var network *NetworkError
		return errors.As(err, &network) && (repeatable || network.Unsent)
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

func reason(resp *http.Response, err error) string {
	if err != nil {
		return safehttp.Redact(err.Error())
	}
	return resp.Status
}

// discard reads a little of an answer nobody wants, for a little while, so
// that its connection can be used again, and closes it.
func discard(resp *http.Response) {
	const most, patience = 64 << 10, time.Second
	if body, ok := resp.Body.(*watchedBody); ok {
		body.watch.hurry(patience)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, most) // the answer is given up either way
	_ = resp.Body.Close()
}
