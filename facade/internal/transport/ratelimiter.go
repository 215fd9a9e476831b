package transport

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// RateLimiter is the limiter of a client. It keeps declared limits exactly: in no
// window of a limit's length are more requests let through than it allows. And
// it waits after each 429, for all calls together: for as long as the server
// asks, then at a rate that is learned from what the server accepted, see
// [pace]. Calls go in the order in which they came. It counts for one process.
type RateLimiter struct {
	// also is a limiter of the program's own, asked once a request may go as
	// far as this one is concerned. Nil for none.
	also Limiter
	turn chan struct{} // holds one: the call that goes next; the others queue for it

	mu       sync.Mutex
	queued   int // calls that have the turn or wait for it
	declared []window
	learned  pace

	until    time.Time // nothing goes before: there was a 429
	asked    time.Time // of until, what the server asked for; the rest is drawn
	since    time.Time // the first of the 429s that nothing was accepted between; zero for none
	last     time.Time // the last of them that came at the end of a pause
	refusals int       // how many of those there were

	told    time.Time     // until when a wait was logged
	longest time.Duration // the wait that was logged
}

// The pause after a 429 without Retry-After: the first one's mean, which
// doubles from one to the next, and the longest.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
)

// NewRateLimiter returns a limiter for declared limits, of which there may be
// none, that also asks and tells another one, if there is one.
func NewRateLimiter(limits []spec.RateLimit, also Limiter) *RateLimiter {
	w := &RateLimiter{also: also, turn: make(chan struct{}, 1)}
	for _, limit := range limits {
		if limit.Window <= time.Hour {
			w.declared = append(w.declared, &ring{limit: limit, at: make([]time.Time, limit.Requests)})
		} else {
			w.declared = append(w.declared, &hours{limit: limit, sent: tally{unit: time.Hour, keep: time.Hour + limit.Window}})
		}
	}
	return w
}

// Wait implements [Limiter].
func (w *RateLimiter) Wait(ctx context.Context) error { return w.wait(ctx, turn{}) }

// turn is what a call says of its wait.
type turn struct {
	// most is the longest wait after a 429; zero for no bound.
	most time.Duration
	// tell is called before a wait that is worth a line in the log; nil for
	// none.
	tell func(wait time.Duration, why string)
}

// wait returns when one request may be sent, and counts it.
func (w *RateLimiter) wait(ctx context.Context, t turn) error {
	if ctx.Err() != nil {
		return ContextError(ctx)
	}
	if err := w.own(ctx, t); err != nil {
		return err
	}
	if w.also != nil {
		return w.also.Wait(ctx)
	}
	return nil
}

func (w *RateLimiter) own(ctx context.Context, t turn) error {
	ahead := w.enter()
	defer w.leave()
	select {
	case w.turn <- struct{}{}:
	default:
		if err := w.look(ctx, t, ahead); err != nil {
			return err
		}
		select {
		case w.turn <- struct{}{}:
		case <-ctx.Done():
			return ContextError(ctx)
		}
	}
	defer func() { <-w.turn }()
	for {
		wait := w.take()
		if wait == 0 {
			return nil
		}
		if err := w.look(ctx, t, 0); err != nil {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// enter counts a call that waits for its turn and returns how many are ahead
// of it.
func (w *RateLimiter) enter() (ahead int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queued++
	return w.queued - 1
}

func (w *RateLimiter) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queued--
}

// take lets the call whose turn it is go, or returns how long it has to wait.
func (w *RateLimiter) take() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	at, _ := w.next(now, 0)
	if !at.After(now) {
		for _, win := range w.declared {
			win.count(now)
		}
		w.learned.count(now)
	}
	return at.Sub(now)
}

// next returns when a request may go that has others ahead of it, and what it
// waits for: nil is the pause after a 429.
func (w *RateLimiter) next(now time.Time, ahead int) (at time.Time, why window) {
	at = now
	if w.until.After(at) {
		at = w.until
	}
	for _, win := range w.declared {
		if free := win.free(now, ahead); free.After(at) {
			at, why = free, win
		}
	}
	if free := w.learned.free(now, ahead); free.After(at) {
		at, why = free, &w.learned
	}
	return at, why
}

// look has a wait that is about to begin logged, or returns why it must not.
func (w *RateLimiter) look(ctx context.Context, t turn, ahead int) error {
	w.mu.Lock()
	now := time.Now()
	at, why := w.next(now, ahead)
	wait := at.Sub(now)
	asked, refusing := w.asked.Sub(now), time.Duration(0)
	if !w.since.IsZero() && w.until.After(now) {
		refusing = w.last.Sub(w.since)
	}
	reason := "the server responded with 429"
	if why != nil {
		reason = why.String()
	}
	tell := wait > time.Second && (now.After(w.told) || wait >= 2*w.longest)
	if tell {
		w.told, w.longest = at, wait
	}
	w.mu.Unlock()

	switch {
	case t.most > 0 && asked > t.most:
		return &LimitError{Wait: asked, Why: "the server asked for it", Max: t.most}
	case t.most > 0 && refusing > t.most:
		return &LimitError{Wait: wait, Why: "the server has responded with 429 to every request for " + refusing.Round(time.Second).String(), Max: t.most}
	case passesDeadline(ctx, wait):
		return &LimitError{Wait: wait, Why: reason}
	}
	if tell && t.tell != nil {
		t.tell(wait, reason)
	}
	return nil
}

// passesDeadline reports whether a wait passes the end of ctx.
func passesDeadline(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < wait
}

// Refused implements [Limiter].
func (w *RateLimiter) Refused(after time.Duration) {
	after = max(after, 0)
	if w.also != nil {
		w.also.Refused(after)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	asked := now.Add(after)
	if now.Before(w.until) { // it was under way when the pause began
		if asked.After(w.asked) {
			w.asked, w.until = asked, later(w.until, asked)
		}
		w.learned.refused(now, w.until, false, 0)
		return
	}
	// Who uses the limiter by its two methods alone tells it of no success: a
	// 429 long after the last pause is then the first of its kind.
	first := w.since.IsZero() || now.Sub(w.until) > longestPause
	if first {
		w.since, w.refusals = now, 0
	}
	w.refusals++
	w.last, w.asked, w.until = now, asked, asked.Add(drawn(after, w.refusals))
	w.learned.refused(now, w.until, first, max(after, now.Sub(w.since)))
}

// drawn returns what a pause has beyond what the server asked for: so that
// processes which are told the same do not all come back in the same moment,
// and all of the pause if it asked for nothing.
func drawn(asked time.Duration, refusals int) time.Duration {
	if asked > 0 {
		return rand.N(min(asked/8, time.Second) + 1)
	}
	mean := longestPause
	if refusals < 7 { // 200 ms << 6 is longer than 10 s
		mean = min(mean, firstPause<<(refusals-1))
	}
	return mean*3/4 + rand.N(mean/2)
}

// accepted hears that the server responded with something else than 429.
func (w *RateLimiter) accepted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Time{}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
