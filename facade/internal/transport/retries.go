package transport

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// RetryPolicy is that of the facade, which documents it. A field that is zero
// has its default.
type RetryPolicy struct {
	MaxAttempts   int
	FirstDelay    time.Duration
	MaxDelay      time.Duration
	MaxRetryAfter time.Duration
	Budget        int
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

// Retries count the attempts at one thing that failed: a call, or an element
// of a page that was cut off.
type Retries struct {
	policy RetryPolicy
	budget *Budget
	delays backoff.ExponentialBackOff
	failed int

	refusals     int // responses with 429
	firstRefusal time.Time
}

// manyRefusals is after how many a call fails that was refused for longer than
// MaxRetryAfter, although others were not: its operation or its user has a
// limit of its own, which is not waited for without end.
const manyRefusals = 20

// NewRetries returns Retries with no failed attempt.
func NewRetries(policy RetryPolicy, budget *Budget) Retries {
	policy = policy.withDefaults()
	r := Retries{policy: policy, budget: budget, delays: backoff.ExponentialBackOff{
		InitialInterval:     min(policy.FirstDelay, policy.MaxDelay),
		RandomizationFactor: 1, // full jitter: from zero to twice the mean
		Multiplier:          2,
		MaxInterval:         policy.MaxDelay,
	}}
	r.delays.Reset()
	return r
}

// Failed returns how many attempts have failed.
func (r *Retries) Failed() int { return r.failed }

// Reset forgets the failed attempts: there was progress.
func (r *Retries) Reset() {
	if r.failed > 0 {
		r.failed = 0
		r.delays.Reset()
	}
}

// Wait counts a failed attempt and waits before the next one. It returns why
// there must be none, or the error of a context that has ended.
func (r *Retries) Wait(ctx context.Context) (gaveUp string, err error) {
	wait, gaveUp := r.next(ctx, 0)
	if gaveUp != "" {
		return gaveUp, nil
	}
	return "", sleep(ctx, wait)
}

// next counts a failed attempt. It returns how long to wait before the next
// one, of which the server asked for a part, or why there must be none.
func (r *Retries) next(ctx context.Context, asked time.Duration) (wait time.Duration, gaveUp string) {
	r.failed++
	if r.failed >= r.policy.MaxAttempts {
		return 0, fmt.Sprintf("tried %d times", r.failed)
	}
	wait = asked + r.delays.NextBackOff()
	if gaveUp = waitTooLong(ctx, r.policy, wait, asked); gaveUp == "" && !r.budget.spend() {
		gaveUp = "too many calls of this client fail: its retry budget is used up"
	}
	return wait, gaveUp
}

// refused counts a 429 and returns why the call will not be sent again, or "".
// It waits in the limiter, together with all others, and is sent again for as
// long as that serves: a fleet at its limit must not fail for being large. A
// wait in the limiter that is too long is a *LimitError.
func (r *Retries) refused(ctx context.Context, asked time.Duration) string {
	if r.refusals++; r.refusals == 1 {
		r.firstRefusal = time.Now()
	}
	switch elapsed := time.Since(r.firstRefusal); {
	case r.policy.MaxAttempts == 1:
		return "tried once"
	case r.refusals >= manyRefusals && elapsed > r.policy.MaxRetryAfter:
		return fmt.Sprintf("refused %d times in %v", r.refusals, elapsed.Round(time.Second))
	default:
		return waitTooLong(ctx, r.policy, asked, asked)
	}
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

// Budget keeps a server that fails from being sent the same calls again and
// again: each retry costs one, each success earns a tenth, up to the size. It
// is shared by all callers of a client. A 429 costs nothing: see [RateLimiter].
type Budget struct {
	mu         sync.Mutex
	size, left float64
}

// NewBudget returns a full budget of so many retries; zero means 50.
func NewBudget(size int) *Budget {
	if size == 0 {
		size = 50
	}
	return &Budget{size: float64(size), left: float64(size)}
}

func (b *Budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *Budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.size, b.left+0.1)
}
