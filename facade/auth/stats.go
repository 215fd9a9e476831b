package auth

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what sessions have done in this process since [NewSessions]. It
// carries no key and no token. All counters only grow.
type Stats struct {
	// Renewed counts rotations: the server issued new tokens. Pending of them were
	// not saved at once, Saved of those later.
	Renewed int64 `json:"renewed"`
	Pending int64 `json:"pending"`
	Saved   int64 `json:"saved"`
	// Adopted counts tokens that were found in the store: another process, or an
	// earlier run, had saved them.
	Adopted int64 `json:"adopted"`
	// Failed counts renewals that failed with the session kept, by what failed:
	// "unsent", "throttled", "ambiguous", "misconfigured", "rejected" (the token
	// endpoint; see outcome in tokenrequest.go), "store", "other".
	Failed map[string]int64 `json:"failed"`
	// Ended counts sessions that were found to be over, by Reason of [ReauthError].
	Ended map[string]int64 `json:"ended"`
	// SignedIn counts sign-ins, Forgotten deletions.
	SignedIn  int64 `json:"signed_in"`
	Forgotten int64 `json:"forgotten"`
	// Forgiven counts refresh tokens that the server accepted although they had
	// been used before, as its header sb-auth-refresh-token-reuse-cause says
	// (assumed for COSMIC): a store that failed to save, or a response that was lost.
	Forgiven int64 `json:"forgiven"`
	// Locks counts locks that renewals took, LockWait is how long they waited for
	// them in all, in nanoseconds in JSON. Busy counts early renewals that gave way.
	Locks    int64         `json:"locks"`
	LockWait time.Duration `json:"lock_wait_ns"`
	Busy     int64         `json:"busy"`
}

// String returns the counters as JSON.
func (s Stats) String() string {
	data, _ := json.Marshal(s) // cannot fail: numbers and names
	return string(data)
}

// Stats returns the counters. For package expvar:
//
//	expvar.Publish("credkit_sessions", expvar.Func(func() any { return sessions.Stats() }))
func (s *Sessions) Stats() Stats {
	c := &s.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Stats{
		Renewed: c.renewed.Load(), Pending: c.changes[ChangePending], Saved: c.changes[ChangeSaved],
		Adopted: c.changes[ChangeAdopted], SignedIn: c.changes[ChangeSignedIn], Forgotten: c.changes[ChangeForgotten],
		Failed: map[string]int64{}, Ended: map[string]int64{},
		Forgiven: c.forgiven.Load(), Locks: c.locks.Load(), LockWait: time.Duration(c.lockWait.Load()), Busy: c.busy.Load(),
	}
	for name, n := range c.failed {
		out.Failed[name] = n
	}
	for reason, n := range c.ended {
		out.Ended[reason] = n
	}
	return out
}

// counters are behind Stats. Renewals and sign-ins touch them, cached tokens do
// not. The zero counters are ready.
type counters struct {
	renewed, forgiven, locks, lockWait, busy atomic.Int64

	mu      sync.Mutex
	changes map[ChangeKind]int64
	failed  map[string]int64
	ended   map[string]int64
}

func (c *counters) count(change Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == nil {
		c.changes, c.failed, c.ended = map[ChangeKind]int64{}, map[string]int64{}, map[string]int64{}
	}
	c.changes[change.Kind]++
	var reauth *ReauthError
	switch {
	case change.Kind == ChangeFailed:
		c.failed[failureName(change.Err)]++
	case change.Kind == ChangeEnded && errors.As(change.Err, &reauth):
		c.ended[reauth.Reason]++
	}
}

func failureName(err error) string {
	var te *TokenError
	var se *StoreError
	switch {
	case errors.As(err, &te):
		return te.outcome.String()
	case errors.As(err, &se):
		return "store"
	}
	return "other"
}
