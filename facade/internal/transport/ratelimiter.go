package transport

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credkit/credkit-go/api/spec"
)

// RateLimiter is the limiter of a client. It keeps declared limits exactly: in no
// window of a limit's length are more requests let through than it allows. And
// it waits after each 429, for all calls together: for as long as the server
// asks, then at a rate that is learned from what the server accepted, see
// [pace]. Calls go in the order in which they came. It counts for one process.
type RateLimiter struct {
	// custom is a limiter of the program's own, asked once a request may go as
	// far as this one is concerned. Nil for none.
	custom  Limiter
	turn    chan struct{} // has capacity 1: the call that goes next
	waiting atomic.Int64  // calls that have the turn or wait for it

	mu       sync.Mutex
	declared []window
	learned  pace

	pausedUntil   time.Time // nothing goes before: there was a 429
	askedUntil    time.Time // of pausedUntil, what the server asked for; the rest is drawn
	refusingSince time.Time // the first of the 429s that nothing was accepted between; zero for none
	lastRefusal   time.Time // the last of them that came at the end of a pause
	refusals      int       // how many of those there were

	loggedUntil time.Time     // until when a wait was logged
	loggedWait  time.Duration // the wait that was logged
}

// The pause after a 429 without Retry-After: the first one's mean, which
// doubles from one to the next, and the longest.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
)

// NewRateLimiter returns a limiter for declared limits, of which there may be
// none, that also asks and tells another one, if there is one.
func NewRateLimiter(limits []spec.RateLimit, custom Limiter) *RateLimiter {
	l := &RateLimiter{custom: custom, turn: make(chan struct{}, 1)}
	for _, limit := range limits {
		if limit.Window <= time.Hour {
			l.declared = append(l.declared, &ring{limit: limit, at: make([]time.Time, limit.Requests)})
		} else {
			l.declared = append(l.declared, &hours{limit: limit, sent: tally{unit: time.Hour, keep: time.Hour + limit.Window}})
		}
	}
	return l
}

// Wait implements [Limiter].
func (l *RateLimiter) Wait(ctx context.Context) error { return l.wait(ctx, waitOptions{}) }

// waitOptions are what a call says of its wait.
type waitOptions struct {
	// maxPause is the longest wait after a 429; zero for no bound.
	maxPause time.Duration
	// log is called before a wait that is worth a line in the log; nil for
	// none.
	log func(wait time.Duration, why string)
}

// wait returns when one request may be sent, and counts it.
func (l *RateLimiter) wait(ctx context.Context, opts waitOptions) error {
	if ctx.Err() != nil {
		return ContextError(ctx)
	}
	if err := l.waitTurn(ctx, opts); err != nil {
		return err
	}
	if l.custom != nil {
		return l.custom.Wait(ctx)
	}
	return nil
}

func (l *RateLimiter) waitTurn(ctx context.Context, opts waitOptions) error {
	ahead := int(l.waiting.Add(1)) - 1
	defer l.waiting.Add(-1)
	select {
	case l.turn <- struct{}{}:
	default:
		if err := l.checkWait(ctx, opts, ahead); err != nil {
			return err
		}
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return ContextError(ctx)
		}
	}
	defer func() { <-l.turn }()
	for {
		wait := l.tryNext()
		if wait == 0 {
			return nil
		}
		if err := l.checkWait(ctx, opts, 0); err != nil {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// tryNext lets the call whose turn it is go, or returns how long it has to wait.
func (l *RateLimiter) tryNext() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	at, _ := l.next(now, 0)
	if !at.After(now) {
		for _, win := range l.declared {
			win.count(now)
		}
		l.learned.count(now)
	}
	return at.Sub(now)
}

// next returns when a request may go that has others ahead of it, and what it
// waits for: nil is the pause after a 429.
func (l *RateLimiter) next(now time.Time, ahead int) (at time.Time, why window) {
	at = now
	if l.pausedUntil.After(at) {
		at = l.pausedUntil
	}
	for _, win := range l.declared {
		if free := win.free(now, ahead); free.After(at) {
			at, why = free, win
		}
	}
	if free := l.learned.free(now, ahead); free.After(at) {
		at, why = free, &l.learned
	}
	return at, why
}

// checkWait has a wait that is about to begin logged, or returns why it must not.
func (l *RateLimiter) checkWait(ctx context.Context, opts waitOptions, ahead int) error {
	l.mu.Lock()
	now := time.Now()
	at, why := l.next(now, ahead)
	wait := at.Sub(now)
	asked, refusing := l.askedUntil.Sub(now), time.Duration(0)
	if !l.refusingSince.IsZero() && l.pausedUntil.After(now) {
		refusing = l.lastRefusal.Sub(l.refusingSince)
	}
	reason := "the server responded with 429"
	if why != nil {
		reason = why.String()
	}
	log := wait > time.Second && (now.After(l.loggedUntil) || wait >= 2*l.loggedWait)
	if log {
		l.loggedUntil, l.loggedWait = at, wait
	}
	l.mu.Unlock()

	switch {
	case opts.maxPause > 0 && asked > opts.maxPause:
		return &LimitError{Wait: asked, Why: "the server asked for it", Max: opts.maxPause}
	case opts.maxPause > 0 && refusing > opts.maxPause:
		return &LimitError{Wait: wait, Why: "the server has responded with 429 to every request for " + refusing.Round(time.Second).String(), Max: opts.maxPause}
	case passesDeadline(ctx, wait):
		return &LimitError{Wait: wait, Why: reason}
	}
	if log && opts.log != nil {
		opts.log(wait, reason)
	}
	return nil
}

// passesDeadline reports whether a wait passes the end of ctx.
func passesDeadline(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < wait
}

// Refused implements [Limiter].
func (l *RateLimiter) Refused(after time.Duration) {
	after = max(after, 0)
	if l.custom != nil {
		l.custom.Refused(after)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	asked := now.Add(after)
	if now.Before(l.pausedUntil) { // it was under way when the pause began
		if asked.After(l.askedUntil) {
			l.askedUntil, l.pausedUntil = asked, later(l.pausedUntil, asked)
		}
		l.learned.refused(now, l.pausedUntil, false, 0)
		return
	}
	// Who uses the limiter by its two methods alone tells it of no success: a
	// 429 long after the last pause is then the first of its kind.
	first := l.refusingSince.IsZero() || now.Sub(l.pausedUntil) > longestPause
	if first {
		l.refusingSince, l.refusals = now, 0
	}
	l.refusals++
	l.lastRefusal, l.askedUntil, l.pausedUntil = now, asked, asked.Add(jitter(after, l.refusals))
	l.learned.refused(now, l.pausedUntil, first, max(after, now.Sub(l.refusingSince)))
}

// jitter returns what a pause has beyond what the server asked for: so that
// processes which are told the same do not all come back in the same moment,
// and all of the pause if it asked for nothing.
func jitter(asked time.Duration, refusals int) time.Duration {
	if asked > 0 {
		return rand.N(min(asked/8, time.Second) + 1)
	}
	mean := longestPause
	if refusals < 7 { // 200 ms << 6 is longer than 10 s
		mean = min(mean, firstPause<<(refusals-1))
	}
	return mean*3/4 + rand.N(mean/2)
}

// accepted notes that the server responded with something else than 429.
func (l *RateLimiter) accepted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusingSince = time.Time{}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
