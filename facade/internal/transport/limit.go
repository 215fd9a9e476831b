package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// Limiter is that of the facade, which documents it.
type Limiter interface {
	Wait(ctx context.Context) error
	Refused(retryAfter time.Duration)
}

// LimitError says that a call would have to wait too long for its turn: longer
// than its context lasts, or longer than is waited for after a 429.
type LimitError struct {
	// Wait is how long the call would have to wait.
	Wait time.Duration
	// Why says what for.
	Why string
	// Max is the longest wait after a 429; zero if it is the caller's deadline
	// that is too early.
	Max time.Duration
}

// Error implements error.
func (e *LimitError) Error() string {
	late := "which is after the caller's deadline"
	if e.Max > 0 {
		late = fmt.Sprintf("and at most %v is waited for (RetryPolicy.MaxRetryAfter)", e.Max)
	}
	return fmt.Sprintf("the rate limit allows the next request in %v (%s), %s; it was not sent", e.Wait.Round(time.Millisecond), e.Why, late)
}

// limit waits for the call's turn before each request, and tells the limiter
// what the server makes of it. Waits above a second are logged: not each, but
// the first, and any that is twice as long as the one logged before.
func limit(next Handler, limiter *RateLimiter, most time.Duration, c Config) Handler {
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		opts := waitOptions{maxPause: most}
		if c.Logger != nil {
			opts.log = func(wait time.Duration, why string) {
				level := slog.LevelInfo
				if wait > time.Minute {
					level = slog.LevelWarn
				}
				c.Logger.LogAttrs(ctx, level, "waiting for the rate limit", slog.String("service", c.Service),
					slog.String("operation", string(call.Operation.ID)), slog.Duration("wait", wait), slog.String("reason", why))
			}
		}
		if err := limiter.wait(ctx, opts); err != nil {
			return nil, err
		}
		resp, err := next(ctx, call)
		switch {
		case err != nil:
		case throttled(resp):
			after, _ := safehttp.RetryAfter(resp.Header, time.Now())
			limiter.Refused(after)
		default:
			limiter.accepted()
		}
		return resp, err
	}
}

func throttled(resp *http.Response) bool { return resp.StatusCode == http.StatusTooManyRequests }
