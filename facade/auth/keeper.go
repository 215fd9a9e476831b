package auth

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// errBusy is how an early flight says that another process is at work.
var errBusy = errors.New("auth: another process holds the session's lock")

// errAborted is the outcome of a flight that ended without one.
var errAborted = errors.New("auth: the renewal was aborted")

const (
	// After a failure the next early attempt waits, doubling from retryMin to
	// retryMax; a caller that needs a token waits at most retryNeeded.
	retryMin    = time.Second
	retryMax    = 30 * time.Second
	retryNeeded = 5 * time.Second
	// retryRefused is how long callers wait at most for the next attempt when a
	// person has to act first: see TokenError.lasting.
	retryRefused = time.Minute
	// retryAfterMax is how long a server's Retry-After is heeded at most: a slip
	// of a proxy must not silence a session for a day.
	retryAfterMax = 15 * time.Minute
	// mandatoryWait is how long a caller waits while the token at hand still
	// lives.
	mandatoryWait = 5 * time.Second
	// recheck is how often a session that has ended, or whose fresh token was
	// refused, looks for a new sign-in.
	recheck = time.Second
)

// need is why a flight starts.
type need struct {
	early    bool   // nobody waits: one attempt, and give way to other processes
	held     string // version of the record this process holds
	rejected string // value of the access token that a service refused
	spared   bool   // rejected was fetched a moment ago: look in the store, ask for nothing
}

// A flight is one renewal that any number of callers wait for. It belongs to
// none of them: its context is the keeper's. lease, err and changes are set
// before done is closed.
type flight struct {
	need
	gen     uint64
	done    chan struct{}
	lease   *lease
	err     error
	changes []Change
}

// A keeper holds the current token of one source and renews it in time. The
// way of renewing is its fetch.
type keeper struct {
	what  string    // for errors
	base  time.Time // what durations of leases count from
	tasks *tasks
	fetch func(ctx context.Context, f *flight) (*lease, error)
	tell  func(Change) // may be nil

	current atomic.Pointer[lease]
	nextTry atomic.Int64 // no early flight before this time since base

	mu        sync.Mutex // held for moments only
	flight    *flight
	gen       uint64 // counts sign-ins and sign-outs: older flights' results do not count
	fails     int
	lastErr   error
	lastErrAt time.Time
	retryAt   time.Duration // before this callers get lastErr
}

func (k *keeper) now() time.Duration { return time.Since(k.base) }

// Token returns the current token. Before the advisory window: no lock, no
// allocation. In it: the same, and one background renewal. In the mandatory
// window callers wait for a renewal, within their contexts; if it takes long,
// the token at hand serves on.
func (k *keeper) Token(ctx context.Context) (Token, error) {
	if l := k.current.Load(); l != nil {
		now := time.Since(k.base)
		if now < l.soft {
			return l.token, nil
		}
		if now < l.hard {
			k.early(l, now)
			return l.token, nil
		}
	}
	return k.await(ctx)
}

// early starts the background renewal unless there is one, or one has failed
// a moment ago.
func (k *keeper) early(l *lease, now time.Duration) {
	if int64(now) < k.nextTry.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight == nil && k.current.Load() == l && int64(now) >= k.nextTry.Load() {
		k.launch(need{early: true, held: l.version})
	}
}

func (k *keeper) await(ctx context.Context) (Token, error) {
	var patience <-chan time.Time
	for {
		k.mu.Lock()
		l, now, f := k.current.Load(), k.now(), k.flight
		if l.fresh(now) {
			k.mu.Unlock()
			return l.token, nil
		}
		if f == nil {
			if err := k.lastErr; err != nil && now < k.retryAt {
				k.mu.Unlock()
				return k.stale(l, err)
			}
			f = k.launch(need{held: l.heldVersion()})
		}
		k.mu.Unlock()
		if patience == nil && l.alive(now) {
			patience = time.After(min((l.end-now)/2, mandatoryWait))
		}
		select {
		case <-f.done:
		case <-patience:
			if l.alive(k.now()) {
				return l.token, nil
			}
			continue
		case <-ctx.Done():
			return Token{}, waitError(ctx, k.what)
		}
		switch {
		case k.overtaken(f):
			// Somebody signed in or out meanwhile: what the flight brought is
			// of the session before.
			continue
		case f.err == nil:
			return f.lease.token, nil
		case f.early && !errors.Is(f.err, ErrClosed):
			// The early flight tried once and gave way or failed. This caller
			// needs a token: it asks in earnest, or hears of the pause.
			continue
		}
		return k.stale(l, f.err)
	}
}

// stale serves the token at hand to its end when a renewal has failed.
func (k *keeper) stale(l *lease, err error) (Token, error) {
	if l.alive(k.now()) {
		return l.token, nil
	}
	return Token{}, err
}

// Renew returns another token than rejected: the current one if it is another
// already, else a new one. Only the value counts.
func (k *keeper) Renew(ctx context.Context, rejected Token) (Token, error) {
	for {
		k.mu.Lock()
		l, now, f := k.current.Load(), k.now(), k.flight
		same := l != nil && l.token.value == rejected.value
		if l.fresh(now) && !same {
			k.mu.Unlock()
			return l.token, nil
		}
		if f == nil {
			if err := k.lastErr; err != nil && now < k.retryAt {
				k.mu.Unlock()
				return k.other(l, same, err)
			}
			f = k.launch(need{held: l.heldVersion(), rejected: rejected.Value(), spared: same && now < l.sparedUntil})
		}
		k.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return Token{}, waitError(ctx, k.what)
		}
		switch {
		case k.overtaken(f):
			continue
		case f.err == nil && f.lease.token.value != rejected.value:
			return f.lease.token, nil
		case f.rejected == rejected.Value() || (f.err != nil && !f.early):
			if f.err == nil {
				return Token{}, ErrRefused // the server issued the same token again
			}
			return k.other(l, same, f.err)
		}
		// A flight for another reason did not help: start one for this.
	}
}

// other serves a token that is not the refused one, if there is one.
func (k *keeper) other(l *lease, same bool, err error) (Token, error) {
	if same {
		return Token{}, err
	}
	return k.stale(l, err)
}

// launch starts a flight. k.mu is held and there is no other flight.
func (k *keeper) launch(n need) *flight {
	f := &flight{need: n, gen: k.gen, done: make(chan struct{}), err: errAborted}
	if !k.tasks.start(func(ctx context.Context) { k.fly(ctx, f) }) {
		f.err = ErrClosed
		close(f.done)
		return f
	}
	k.flight = f
	k.nextTry.Store(math.MaxInt64)
	return f
}

func (k *keeper) fly(ctx context.Context, f *flight) {
	defer func() {
		k.land(f)
		if k.tell != nil {
			for _, c := range f.changes {
				k.tell(c)
			}
		}
	}()
	f.err = safely("a renewal", func() (err error) {
		f.lease, err = k.fetch(ctx, f)
		return err
	})
}

// land publishes what a flight brought, then releases those who wait.
func (k *keeper) land(f *flight) {
	k.mu.Lock()
	k.flight = nil
	switch {
	case f.gen != k.gen:
		k.nextTry.Store(0) // a sign-in or sign-out has overtaken it
	case f.err == nil:
		k.publish(f.lease)
	default:
		k.failed(f)
	}
	k.mu.Unlock()
	close(f.done)
}

// publish makes l current. k.mu is held.
func (k *keeper) publish(l *lease) {
	k.current.Store(l)
	k.fails, k.lastErr = 0, nil
	k.nextTry.Store(0)
}

// failed decides when the next attempt may be. k.mu is held.
func (k *keeper) failed(f *flight) {
	now := k.now()
	jitter := 0.75 + rand.Float64()/2
	if errors.Is(f.err, errBusy) {
		k.nextTry.Store(int64(now + time.Duration(float64(retryMin)*jitter)))
		return
	}
	k.lastErr, k.lastErrAt = f.err, time.Now()
	if isFinal(f.err) {
		k.retryAt = now + recheck
		k.nextTry.Store(int64(k.retryAt))
		return
	}
	var te *TokenError
	refused := errors.As(f.err, &te) && te.lasting()
	most, mostNeeded := retryMax, retryNeeded
	if refused {
		most, mostNeeded = retryRefused, retryRefused
	}
	delay := time.Duration(float64(min(retryMin<<min(k.fails, 10), most)) * jitter)
	k.fails++
	needed := min(delay, mostNeeded)
	if f.early && !refused {
		needed = 0
	}
	if te != nil && te.RetryAfter > 0 {
		after := min(te.RetryAfter, retryAfterMax)
		delay, needed = max(delay, after), after
	}
	k.retryAt = now + needed
	k.nextTry.Store(int64(now + delay))
}

// isFinal reports whether a new sign-in is what helps.
func isFinal(err error) bool {
	var reauth *ReauthError
	return errors.As(err, &reauth) || errors.Is(err, ErrRefused)
}

// reset makes l current (nil: nothing is known) whatever flights bring that
// are in the air.
func (k *keeper) reset(l *lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gen++
	k.publish(l)
}

// kick starts a background renewal if none is in the air.
func (k *keeper) kick() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight == nil {
		k.launch(need{early: true, held: k.current.Load().heldVersion()})
	}
}

// overtaken reports whether a sign-in or sign-out came during a flight.
func (k *keeper) overtaken(f *flight) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return f.gen != k.gen
}

// lastFailure returns the error of the last renewal, nil if it succeeded, and
// when that was.
func (k *keeper) lastFailure() (at time.Time, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lastErrAt, k.lastErr
}

func (l *lease) heldVersion() string {
	if l == nil {
		return ""
	}
	return l.version
}
