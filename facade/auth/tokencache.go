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

const (
	// A token with less than min(mandatoryMax, L/10) left is not handed out
	// while a new one can be had; L is its lifetime.
	mandatoryMax = 30 * time.Second
	// One with less than min(advisoryMax, L/4) left is renewed in the
	// background, while it is handed out.
	advisoryMax = 5 * time.Minute
	// advisoryJitter is the greatest part by which the advisory window is
	// shortened, so that processes and sessions do not renew all at once.
	advisoryJitter = 0.4
	// cooldownMax bounds how long a token that was fetched because of a 401
	// cannot be replaced because of another one.
	cooldownMax = 60 * time.Second

	// After a failure the next early attempt waits, doubling from retryMin to
	// retryMax; a caller that needs a token waits at most retryNeeded.
	retryMin    = time.Second
	retryMax    = 30 * time.Second
	retryNeeded = 5 * time.Second
	// retryRefused is how long callers wait at most for the next attempt when a
	// person has to act first: see TokenError.lasting.
	retryRefused = time.Minute
	// retryAfterMax caps a server's Retry-After: a wrong header of a proxy must
	// not stop a session for a day.
	retryAfterMax = 15 * time.Minute
	// mandatoryWait is how long a caller waits at most while the cached token
	// has not expired.
	mandatoryWait = 5 * time.Second
	// recheck is how often a session that has ended, or whose fresh token was
	// refused, looks for a new sign-in.
	recheck = time.Second

	forever = time.Duration(math.MaxInt64)
)

var (
	// errBusy is the error of an early renewal that found the key locked.
	errBusy = errors.New("auth: another process holds the session's lock")
	// errAborted is the error of a renewal whose goroutine exited early.
	errAborted = errors.New("auth: the renewal was aborted")
)

// mandatory is the mandatory window of a token with lifetime life. Unknown
// (zero) lifetimes have none.
func mandatory(life time.Duration) time.Duration { return min(mandatoryMax, life/10) }

func advisory(life time.Duration) time.Duration { return min(advisoryMax, life/4) }

// cooldown is how long a token that was fetched because of a 401 cannot be
// replaced because of another one.
func cooldown(life time.Duration) time.Duration {
	if life <= 0 {
		return cooldownMax
	}
	return min(life/2, cooldownMax)
}

// A cachedToken is one access token as this process may use it. It never
// changes. Its times count from the cache's base on the monotonic clock.
type cachedToken struct {
	token   Token
	version string // of the record it is from
	// From refreshAt on the token is renewed in the background, from staleAt on
	// callers wait for that, from expiresAt on it is not handed out at all.
	refreshAt, staleAt, expiresAt time.Duration
	// Before cooldownUntil a 401 to this token does not lead to another one.
	cooldownUntil time.Duration
}

// newCachedToken makes the cachedToken of a token that expires at expiresAt,
// given its whole lifetime (0: unknown, used until it is refused). One that
// cannot be renewed has no windows and is used until it expires.
func newCachedToken(token Token, version string, expiresAt, life time.Duration, renewable bool) *cachedToken {
	t := &cachedToken{token: token, version: version, refreshAt: forever, staleAt: forever, expiresAt: forever}
	if life <= 0 {
		return t
	}
	t.refreshAt, t.staleAt, t.expiresAt = expiresAt, expiresAt, expiresAt
	if renewable {
		t.staleAt = expiresAt - mandatory(life)
		t.refreshAt = expiresAt - time.Duration(float64(advisory(life))*(1-advisoryJitter*rand.Float64()))
	}
	return t
}

func (t *cachedToken) fresh(now time.Duration) bool { return t != nil && now < t.staleAt }
func (t *cachedToken) alive(now time.Duration) bool { return t != nil && now < t.expiresAt }

func (t *cachedToken) recordVersion() string {
	if t == nil {
		return ""
	}
	return t.version
}

// reason is why a renewal starts.
type reason struct {
	early    bool   // nobody waits: one attempt, and give way to other processes
	held     string // version of the record this process holds
	rejected string // value of the access token that a service refused
	cooling  bool   // rejected was fetched a moment ago: look in the store, ask for nothing
}

// A renewal is one attempt to get a new token that any number of callers wait
// for. It belongs to none of them: its context is that of the background. token,
// err and changes are set before done is closed.
type renewal struct {
	reason
	generation uint64
	done       chan struct{}
	token      *cachedToken
	err        error
	changes    []Change
}

// A tokenCache has the current token of one source and renews it in time. How
// it is renewed is the source's.
type tokenCache struct {
	name       string    // of the source, for errors
	base       time.Time // what the times of cached tokens count from
	background *background
	renew      func(ctx context.Context, r *renewal) (*cachedToken, error)
	notify     func(Change) // may be nil

	current atomic.Pointer[cachedToken]
	nextTry atomic.Int64 // no early renewal before this time since base

	mu         sync.Mutex // held for moments only
	renewal    *renewal   // the one that runs, nil if none does
	generation uint64     // counts sign-ins and sign-outs: results of renewals that began before are dropped
	failures   int        // in a row
	lastErr    error
	lastErrAt  time.Time
	retryAt    time.Duration // before this callers get lastErr
}

func (c *tokenCache) now() time.Duration { return time.Since(c.base) }

// token returns the current token. Before the advisory window: no lock, no
// allocation. In it: the same, and one background renewal. In the mandatory
// window callers wait for a renewal, within their contexts; if that takes long,
// they get the cached token.
func (c *tokenCache) token(ctx context.Context) (Token, error) {
	if t := c.current.Load(); t != nil {
		now := time.Since(c.base)
		if now < t.refreshAt {
			return t.token, nil
		}
		if now < t.staleAt {
			c.refreshEarly(t, now)
			return t.token, nil
		}
	}
	return c.get(ctx, Token{})
}

// refreshEarly starts the background renewal of t unless one runs, or has
// failed a moment ago.
func (c *tokenCache) refreshEarly(t *cachedToken, now time.Duration) {
	if int64(now) < c.nextTry.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.renewal == nil && c.current.Load() == t && int64(now) >= c.nextTry.Load() {
		c.start(reason{early: true, held: t.version})
	}
}

// get returns a fresh token other than rejected, of which only the value counts
// (the zero Token rejects none): the cached one, or that of a renewal, which it
// waits for within ctx. If the renewal fails, or takes long while nothing is
// rejected, a cached token that has not expired will do.
func (c *tokenCache) get(ctx context.Context, rejected Token) (Token, error) {
	var patience <-chan time.Time
	for {
		c.mu.Lock()
		t, now, r := c.current.Load(), c.now(), c.renewal
		refused := t != nil && t.token.value == rejected.value
		fallback := func(err error) (Token, error) {
			if !refused && t.alive(c.now()) {
				return t.token, nil
			}
			return Token{}, err
		}
		if t.fresh(now) && !refused {
			c.mu.Unlock()
			return t.token, nil
		}
		if r == nil {
			if err := c.lastErr; err != nil && now < c.retryAt {
				c.mu.Unlock()
				return fallback(err)
			}
			r = c.start(reason{held: t.recordVersion(), rejected: rejected.Value(), cooling: refused && now < t.cooldownUntil})
		}
		c.mu.Unlock()
		if patience == nil && rejected.IsZero() && t.alive(now) {
			patience = time.After(min((t.expiresAt-now)/2, mandatoryWait))
		}
		select {
		case <-r.done:
		case <-patience:
			if t.alive(c.now()) {
				return t.token, nil
			}
			continue
		case <-ctx.Done():
			return Token{}, waitError(ctx, c.name)
		}
		switch {
		case c.superseded(r):
			// Somebody signed in or out meanwhile: the result is of the session
			// before.
		case r.err == nil && r.token.token.value != rejected.value:
			return r.token.token, nil
		case r.err == nil && r.rejected == rejected.Value():
			return Token{}, ErrRefused // the server issued the same token again
		case r.err == nil:
			// A renewal for another reason brought the rejected token.
		case r.early && !errors.Is(r.err, ErrClosed):
			// The early renewal tried once and gave way or failed. This caller
			// needs a token: start one that does not give way, or return the error
			// of the pause.
		default:
			return fallback(r.err)
		}
	}
}

// renewVersion renews the record of version, fresh or not, with one attempt that
// gives way to other processes, or joins the renewal that runs. It waits within
// ctx, and returns what happened.
func (c *tokenCache) renewVersion(ctx context.Context, version string) ([]Change, error) {
	c.mu.Lock()
	r := c.renewal
	if r == nil {
		if err := c.lastErr; err != nil && c.now() < c.retryAt {
			c.mu.Unlock()
			return nil, err
		}
		r = c.start(reason{early: true, held: version})
	}
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.changes, r.err
	case <-ctx.Done():
		return nil, waitError(ctx, c.name)
	}
}

// start starts a renewal. c.mu is held and no other renewal runs.
func (c *tokenCache) start(why reason) *renewal {
	r := &renewal{reason: why, generation: c.generation, done: make(chan struct{}), err: errAborted}
	if !c.background.start(func(ctx context.Context) { c.run(ctx, r) }) {
		r.err = ErrClosed
		close(r.done)
		return r
	}
	c.renewal = r
	c.nextTry.Store(math.MaxInt64)
	return r
}

func (c *tokenCache) run(ctx context.Context, r *renewal) {
	defer func() {
		c.finish(r)
		if c.notify != nil {
			for _, change := range r.changes {
				c.notify(change)
			}
		}
	}()
	r.err = Safely("a renewal", func() (err error) {
		r.token, err = c.renew(ctx, r)
		return err
	})
}

// finish publishes the result of r, then releases those who wait for it.
func (c *tokenCache) finish(r *renewal) {
	c.mu.Lock()
	c.renewal = nil
	switch {
	case r.generation != c.generation:
		c.nextTry.Store(0) // superseded by a sign-in or sign-out
	case r.err == nil:
		c.publish(r.token)
	default:
		c.fail(r)
	}
	c.mu.Unlock()
	close(r.done)
}

// publish makes t current. c.mu is held.
func (c *tokenCache) publish(t *cachedToken) {
	c.current.Store(t)
	c.failures, c.lastErr = 0, nil
	c.nextTry.Store(0)
}

// fail decides when the next attempt may be. c.mu is held.
func (c *tokenCache) fail(r *renewal) {
	now := c.now()
	jitter := 0.75 + rand.Float64()/2
	if errors.Is(r.err, errBusy) {
		c.nextTry.Store(int64(now + time.Duration(float64(retryMin)*jitter)))
		return
	}
	c.lastErr, c.lastErrAt = r.err, time.Now()
	if isFinal(r.err) {
		c.retryAt = now + recheck
		c.nextTry.Store(int64(c.retryAt))
		return
	}
	var te *TokenError
	refused := errors.As(r.err, &te) && te.lasting()
	most, mostNeeded := retryMax, retryNeeded
	if refused {
		most, mostNeeded = retryRefused, retryRefused
	}
	delay := time.Duration(float64(min(retryMin<<min(c.failures, 10), most)) * jitter)
	c.failures++
	needed := min(delay, mostNeeded)
	if r.early && !refused {
		needed = 0
	}
	if te != nil && te.wait() > 0 {
		after := min(te.wait(), retryAfterMax)
		delay, needed = max(delay, after), after
	}
	c.retryAt = now + needed
	c.nextTry.Store(int64(now + delay))
}

// isFinal reports whether only a new sign-in helps.
func isFinal(err error) bool {
	var reauth *ReauthError
	return errors.As(err, &reauth) || errors.Is(err, ErrRefused)
}

// reset makes t current (nil: nothing is known); the result of a renewal that
// runs is dropped.
func (c *tokenCache) reset(t *cachedToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.publish(t)
}

// startEarly starts a background renewal if none runs.
func (c *tokenCache) startEarly() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.renewal == nil {
		c.start(reason{early: true, held: c.current.Load().recordVersion()})
	}
}

// superseded reports whether a sign-in or sign-out came while r ran.
func (c *tokenCache) superseded(r *renewal) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.generation != c.generation
}

// lastFailure returns the error of the last renewal, nil if it succeeded, and
// when that was.
func (c *tokenCache) lastFailure() (at time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastErrAt, c.lastErr
}

// fromStore makes the cachedToken of a record that some process saved some time
// ago.
func (c *tokenCache) fromStore(r *record) *cachedToken {
	now, wall := c.now(), time.Now()
	left, expiresAt, expires := r.left(wall), forever, time.Time{}
	if left != forever {
		expiresAt, expires = now+left, wall.Add(left).UTC().Round(0)
	}
	t := newCachedToken(NewToken(r.AccessToken, expires), r.Version, expiresAt, r.life(), r.renewable())
	if r.Cause == causeRefused {
		window := cooldown(r.life())
		// The clock that wrote IssuedAt may be ahead of ours.
		t.cooldownUntil = now + min(window-wall.Sub(r.IssuedAt), window)
	}
	return t
}

// fromResponse makes the cachedToken of a record whose tokens this process
// requested at requested.
func (c *tokenCache) fromResponse(r *record, requested time.Duration) *cachedToken {
	expiresAt := forever
	if r.life() > 0 {
		expiresAt = requested + r.life()
	}
	t := newCachedToken(NewToken(r.AccessToken, r.ExpiresAt), r.Version, expiresAt, r.life(), r.renewable())
	if r.Cause == causeRefused {
		t.cooldownUntil = c.now() + cooldown(r.life())
	}
	return t
}
