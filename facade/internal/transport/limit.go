package transport

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// Limiter holds calls back before a server has to refuse them. A fleet whose
// processes share one key can bring its own. It is used by many goroutines.
type Limiter interface {
	// Wait returns when one request may be sent, and counts it. It returns at
	// once with an error if that cannot be before ctx ends.
	Wait(ctx context.Context) error
	// Refused hears that the server answered 429, and for how long it asked
	// to be left alone; zero if it did not say.
	Refused(retryAfter time.Duration)
}

// LimitError says that a call would have to wait longer than its context
// lasts for its turn under the service's rate limit. Nothing was sent.
type LimitError struct {
	// Wait is how long the call would have to wait.
	Wait time.Duration
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the service's rate limit allows the next request in %v, after the caller's deadline; nothing was sent", e.Wait.Round(time.Millisecond))
}

// limited asks the limiter before each attempt.
func limited(next Handler, limiter Limiter) Handler {
	if limiter == nil {
		return next
	}
	return func(ctx context.Context, call *Call) (*http.Response, error) {
		if err := limiter.Wait(ctx); err != nil {
			return nil, err
		}
		resp, err := next(ctx, call)
		if err == nil && resp.StatusCode == http.StatusTooManyRequests {
			after, _ := safehttp.RetryAfter(resp.Header, time.Now())
			limiter.Refused(after)
		}
		return resp, err
	}
}
