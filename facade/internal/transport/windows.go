package transport

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// Windows keeps rate limits exactly: in no window of a limit's length are
// more requests let through than it allows. Who waits is served in the order
// of coming. A 429 draws the short windows in: see [ring]. It counts for one
// process.
type Windows struct {
	turn chan struct{} // holds one: whose turn it is; the others queue for it

	mu      sync.Mutex
	callers int // with the one whose turn it is
	windows []window
	until   time.Time // the server asked to be left alone until then
}

// NewWindows returns a limiter for limits, or nil if there are none.
func NewWindows(limits []spec.RateLimit) *Windows {
	if len(limits) == 0 {
		return nil
	}
	w := &Windows{turn: make(chan struct{}, 1)}
	for _, limit := range limits {
		if limit.Window <= time.Hour {
			w.windows = append(w.windows, &ring{limit: limit, at: make([]time.Time, limit.Requests), allowed: limit.Requests})
		} else {
			w.windows = append(w.windows, &hours{limit: limit})
		}
	}
	return w
}

// Wait implements [Limiter].
func (w *Windows) Wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return Ended(ctx)
	}
	w.mu.Lock()
	ahead := w.callers
	w.callers++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.callers--
		w.mu.Unlock()
	}()
	switch wait := w.take(ahead); {
	case ahead == 0 && wait == 0:
		return nil
	case tooLong(ctx, wait):
		return &LimitError{Wait: wait}
	}
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return Ended(ctx)
	}
	for {
		wait := w.take(0)
		switch {
		case wait == 0:
			return nil
		case tooLong(ctx, wait):
			return &LimitError{Wait: wait}
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// tooLong reports whether a wait passes the end of ctx.
func tooLong(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < wait
}

// take returns how long a caller has to wait that has others ahead of it. One
// with nobody ahead that need not wait is counted.
func (w *Windows) take(ahead int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	next := now
	if w.until.After(next) {
		next = w.until
	}
	for _, win := range w.windows {
		if free := win.free(now, ahead); free.After(next) {
			next = free
		}
	}
	if ahead == 0 && !next.After(now) {
		for _, win := range w.windows {
			win.count(now)
		}
	}
	return next.Sub(now)
}

// Refused implements [Limiter].
func (w *Windows) Refused(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if until := now.Add(after); until.After(w.until) {
		w.until = until
	}
	for _, win := range w.windows {
		win.refused(now)
	}
}

// window is one limit. free returns when a request may go that has others
// ahead of it; count counts one that goes; refused hears of a 429.
type window interface {
	free(now time.Time, ahead int) time.Time
	count(now time.Time)
	refused(now time.Time)
}

// ring remembers when each of the last requests went, for short windows. A
// 429 in spite of it says that others use the same key: it then lets half as
// many through, and twice as many again after each window without a 429.
type ring struct {
	limit spec.RateLimit
	at    []time.Time
	next  int

	allowed int // as of the last 429
	last    time.Time
	halved  time.Time // many requests that are refused together halve once
}

func (r *ring) free(now time.Time, ahead int) time.Time {
	allowed := r.most(now)
	rounds, place := ahead/allowed, ahead%allowed
	free := now
	if before := r.at[(r.next-allowed+place+len(r.at))%len(r.at)]; !before.IsZero() && before.Add(r.limit.Window).After(now) {
		free = before.Add(r.limit.Window)
	}
	return free.Add(time.Duration(rounds) * r.limit.Window)
}

func (r *ring) count(now time.Time) {
	r.at[r.next] = now
	r.next = (r.next + 1) % len(r.at)
}

// most returns how many requests a window may have now.
func (r *ring) most(now time.Time) int {
	allowed := r.allowed
	for quiet := now.Sub(r.last); allowed < len(r.at) && quiet >= r.limit.Window; quiet -= r.limit.Window {
		allowed = min(2*allowed, len(r.at))
	}
	return allowed
}

func (r *ring) refused(now time.Time) {
	r.allowed = r.most(now)
	if r.halved.IsZero() || now.Sub(r.halved) >= r.limit.Window {
		r.allowed, r.halved = max(1, r.allowed/2), now
	}
	r.last = now
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

func (h *hours) free(now time.Time, ahead int) time.Time {
	h.rows = slices.DeleteFunc(h.rows, func(row hour) bool { return !h.ends(row).After(now) })
	sum := ahead
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

// refused does nothing: for how long to wait for a day that is used up, the
// server says itself.
func (h *hours) refused(time.Time) {}
