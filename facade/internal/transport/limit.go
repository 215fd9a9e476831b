package transport

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/spec"
	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// Limiter holds calls back before a server has to refuse them. A fleet whose
// processes share one key can bring its own.
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

// Windows keeps rate limits exactly: in no window of a limit's length are
// more requests let through than it allows. It counts for one process.
type Windows struct {
	mu      sync.Mutex
	windows []window
	until   time.Time // the server asked to be left alone until then
}

// NewWindows returns a limiter for limits, or nil if there are none.
func NewWindows(limits []spec.RateLimit) *Windows {
	if len(limits) == 0 {
		return nil
	}
	w := &Windows{}
	for _, limit := range limits {
		if limit.Window <= time.Hour {
			w.windows = append(w.windows, &ring{limit: limit, at: make([]time.Time, limit.Requests)})
		} else {
			w.windows = append(w.windows, &hours{limit: limit})
		}
	}
	return w
}

// Wait implements [Limiter].
func (w *Windows) Wait(ctx context.Context) error {
	for {
		w.mu.Lock()
		now := time.Now()
		next := now
		if w.until.After(next) {
			next = w.until
		}
		for _, win := range w.windows {
			if free := win.free(now); free.After(next) {
				next = free
			}
		}
		if !next.After(now) {
			for _, win := range w.windows {
				win.count(now)
			}
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		wait := next.Sub(now)
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(next) {
			return &LimitError{Wait: wait}
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Refused implements [Limiter].
func (w *Windows) Refused(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if until := time.Now().Add(after); until.After(w.until) {
		w.until = until
	}
}

// window is one limit. free returns when the next request may go; count
// counts one that goes.
type window interface {
	free(now time.Time) time.Time
	count(now time.Time)
}

// ring remembers when each of the last requests went, for short windows.
type ring struct {
	limit spec.RateLimit
	at    []time.Time
	next  int
}

func (r *ring) free(time.Time) time.Time {
	if oldest := r.at[r.next]; !oldest.IsZero() {
		return oldest.Add(r.limit.Window)
	}
	return time.Time{}
}

func (r *ring) count(now time.Time) {
	r.at[r.next] = now
	r.next = (r.next + 1) % len(r.at)
}

// hours counts by the hour, for long windows: an hour that the window has
// partly left still counts whole, so that the count is never too low.
type hours struct {
	limit spec.RateLimit
	rows  []hour
}

type hour struct {
	start time.Time
	count int
}

func (h *hours) free(now time.Time) time.Time {
	h.rows = slices.DeleteFunc(h.rows, func(row hour) bool { return !h.ends(row).After(now) })
	sum := 0
	for _, row := range h.rows {
		sum += row.count
	}
	for _, row := range h.rows {
		if sum < h.limit.Requests {
			break
		}
		sum -= row.count
		now = h.ends(row)
	}
	return now
}

// ends is when the last request that row can hold has left the window.
func (h *hours) ends(row hour) time.Time { return row.start.Add(time.Hour + h.limit.Window) }

func (h *hours) count(now time.Time) {
	if n := len(h.rows); n > 0 && now.Sub(h.rows[n-1].start) < time.Hour {
		h.rows[n-1].count++
		return
	}
	h.rows = append(h.rows, hour{start: now, count: 1})
}
