package auth

import (
	"math"
	"math/rand/v2"
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
	// shortened, so that processes and sessions do not act as one.
	advisoryJitter = 0.4
	// refusedMax bounds how long a token fetched because of a 401 is spared
	// the next such renewal.
	refusedMax = 60 * time.Second

	forever = time.Duration(math.MaxInt64)
)

// mandatory is the mandatory window of a token with lifetime life. Unknown
// (zero) lifetimes have none.
func mandatory(life time.Duration) time.Duration { return min(mandatoryMax, life/10) }

func advisory(life time.Duration) time.Duration { return min(advisoryMax, life/4) }

// spared is how long a token fetched because of a 401 is spared the next.
func spared(life time.Duration) time.Duration {
	if life <= 0 {
		return refusedMax
	}
	return min(life/2, refusedMax)
}

// A lease is one access token as this process may use it. It never changes.
// Its times count from the keeper's base on the monotonic clock.
type lease struct {
	token   Token
	version string // of the record it is from
	// From soft on the token is renewed in the background, from hard on
	// callers wait for that, from end on it is not handed out at all.
	soft, hard, end time.Duration
	// Before sparedUntil a 401 to this token does not lead to another one.
	sparedUntil time.Duration
}

// newLease makes the lease of a token that ends at end, given its whole
// lifetime (0: unknown, used until it is refused). One that cannot be renewed
// has no windows and is used to its end.
func newLease(t Token, version string, end, life time.Duration, renewable bool) *lease {
	l := &lease{token: t, version: version, soft: forever, hard: forever, end: forever}
	if life <= 0 {
		return l
	}
	l.soft, l.hard, l.end = end, end, end
	if renewable {
		l.hard = end - mandatory(life)
		l.soft = end - time.Duration(float64(advisory(life))*(1-advisoryJitter*rand.Float64()))
	}
	return l
}

func (l *lease) fresh(now time.Duration) bool { return l != nil && now < l.hard }
func (l *lease) alive(now time.Duration) bool { return l != nil && now < l.end }

// adopted makes the lease of a record that some process saved some time ago.
func (k *keeper) adopted(r *record) *lease {
	now, wall := k.now(), time.Now()
	left, end, expires := r.left(wall), forever, time.Time{}
	if left != forever {
		end, expires = now+left, wall.Add(left).UTC().Round(0)
	}
	l := newLease(NewToken(r.AccessToken, expires), r.Version, end, r.life(), r.renewable())
	if r.Cause == causeRefused {
		window := spared(r.life())
		// The clock that wrote IssuedAt may be ahead of ours.
		l.sparedUntil = now + min(window-wall.Sub(r.IssuedAt), window)
	}
	return l
}

// issued makes the lease of a record whose tokens this process asked for at
// asked.
func (k *keeper) issued(r *record, asked time.Duration) *lease {
	end := forever
	if r.life() > 0 {
		end = asked + r.life()
	}
	l := newLease(NewToken(r.AccessToken, r.ExpiresAt), r.Version, end, r.life(), r.renewable())
	if r.Cause == causeRefused {
		l.sparedUntil = k.now() + spared(r.life())
	}
	return l
}
