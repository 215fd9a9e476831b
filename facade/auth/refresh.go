package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// flightBudget is how long a flight that callers wait for goes on trying.
	// A request or a save that it has begun may end later.
	flightBudget = 30 * time.Second
	// maxAttempts bounds the token requests of one flight.
	maxAttempts = 4
	// lockWait is how long one attempt waits for the key's lock, earlyLockWait
	// how long one that nobody waits for does, before it gives way.
	lockWait      = 20 * time.Second
	earlyLockWait = 2 * time.Second
)

var errContract = errors.New("it did not run the update exactly once: its implementation breaks the Store contract")

// newPause makes the delays between the attempts of a flight.
func newPause() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: 250 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 2, MaxInterval: 5 * time.Second}
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// refresh is one flight: attempts, and pauses between them. ctx ends when
// nothing new may begin.
func (s *session) refresh(ctx context.Context, f *flight) (*lease, error) {
	l, err := persist(ctx, f.early, func(ctx context.Context) (*lease, error) { return s.attempt(ctx, f) })
	switch {
	case err == nil, errors.Is(err, errBusy), isFinal(err):
		return l, err
	case ctx.Err() != nil:
		return nil, ErrClosed
	}
	err = s.failure(err)
	f.changes = append(f.changes, s.change(ChangeFailed, s.current.Load(), err))
	return nil, err
}

// persist attempts until it succeeds, its error is one that time does not
// heal, or the flight's budget is spent. An early flight attempts once.
func persist(ctx context.Context, early bool, attempt func(context.Context) (*lease, error)) (*lease, error) {
	deadline := time.Now().Add(flightBudget)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	pause := newPause()
	for n := 1; ; n++ {
		l, err := attempt(ctx)
		if err == nil || early || n == maxAttempts {
			return l, err
		}
		wait := pause.NextBackOff()
		var te *TokenError
		var se *StoreError
		switch {
		case errors.As(err, &te) && te.outcome.again():
			wait = max(wait, te.RetryAfter)
		case errors.As(err, &se):
		default:
			return nil, err
		}
		if time.Until(deadline) <= wait || !sleep(ctx, wait) {
			return nil, err
		}
	}
}

// attempt goes once through the state table of decide.go: at most one lock
// and one token request.
func (s *session) attempt(ctx context.Context, f *flight) (*lease, error) {
	// pending: nothing is sent until the store has caught up.
	if u := s.pending.Load(); u != nil {
		changes, err := s.settle(ctx)
		f.changes = append(f.changes, changes...)
		switch {
		case err != nil && u.record.Ended != nil:
			return s.over(u.record, f.rejected)
		case err != nil:
			return nil, err
		}
	}
	// What can be answered without the lock is.
	data, err := load(ctx, s.all.store, s.key)
	if err != nil {
		return nil, storeError("load", s.key, err)
	}
	r, err := parseRecord(data)
	if err != nil {
		return nil, storeError("load", s.key, err)
	}
	v := s.view(f)
	switch act := decide(r, v); {
	case act != actSend:
		return s.answer(r, act, f)
	case f.spared:
		return nil, ErrRefused
	}
	return s.locked(ctx, f)
}

func (s *session) view(f *flight) view {
	return view{kind: kindSession, issuer: s.issuer, clientID: s.all.client.id, held: f.held, rejected: f.rejected, now: time.Now()}
}

// answer carries out every action but actSend.
func (s *session) answer(r *record, act action, f *flight) (*lease, error) {
	switch act {
	case actAdopt:
		l := s.adopted(r)
		if r.Ended != nil {
			s.tellEnd(r, f)
		} else {
			f.changes = append(f.changes, s.change(ChangeAdopted, l, nil))
		}
		return l, nil
	case actEnded:
		s.tellEnd(r, f)
		return nil, r.Ended.reauth(s.key)
	case actStuck:
		return nil, &ReauthError{Key: s.key, Reason: ReasonNoRefreshToken, At: r.ExpiresAt}
	case actForeign:
		return nil, foreign(s.key, r, s.view(f))
	default:
		return nil, &ReauthError{Key: s.key, Reason: ReasonNotSignedIn}
	}
}

// foreign says why a record cannot be used here.
func foreign(key string, r *record, v view) error {
	e := &ConfigError{
		Problem: fmt.Sprintf("the record under %q belongs to the token endpoint %s and the app %q; here they are %s and %q", key, r.Issuer, r.ClientID, v.issuer, v.clientID),
		Remedy:  "its tokens are not sent; use another key, or sign in again under this one",
	}
	if r.Kind != v.kind {
		e.Problem = fmt.Sprintf("the record under %q is a %s record, not a %s record", key, r.Kind, v.kind)
		if v.kind == kindSession {
			e.Err = ErrNotSession
		}
	}
	return e
}

// tellEnd notes the end of a session, once for each end.
func (s *session) tellEnd(r *record, f *flight) {
	if s.endTold == r.Version {
		return
	}
	s.endTold = r.Version
	f.changes = append(f.changes, s.change(ChangeEnded, nil, r.Ended.reauth(s.key)))
}

// An exchange is what happened under one lock.
type exchange struct {
	act   action  // what was decided on stored
	store *record // what was stored
	next  *record // what follows it, nil if nothing does
	data  []byte  // next, encoded
	asked time.Duration
	err   error // of the token request, or of reading the record
	ran   bool
}

// locked takes the lock, decides there, and if that says so sends the stored
// refresh token and saves what comes back, all in one Update.
func (s *session) locked(ctx context.Context, f *flight) (*lease, error) {
	wait := lockWait
	if f.early {
		wait = earlyLockWait
	}
	lockCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var x exchange
	err := update(lockCtx, s.all.store, s.key, func(ctx context.Context, current []byte) ([]byte, error) {
		if x.ran { // a store that calls twice must not make it two requests
			return nil, errContract
		}
		x = s.exchange(ctx, current, f)
		return x.data, x.err
	})
	switch {
	case !x.ran && err == nil:
		return nil, storeError("lock", s.key, errContract)
	case !x.ran && f.early && lockCtx.Err() != nil:
		return nil, errBusy
	case !x.ran && lockCtx.Err() != nil:
		return nil, storeError("lock", s.key, fmt.Errorf("another process has had it for %s: %w", wait, err))
	case !x.ran:
		return nil, storeError("lock", s.key, err)
	case x.act != actSend:
		if x.err == nil {
			return s.answer(x.store, x.act, f)
		}
		return nil, storeError("load", s.key, x.err)
	case x.next == nil:
		return nil, x.err
	}
	return s.exchanged(x, err, f)
}

// exchange is what runs under the lock. ctx ends when the lock is lost.
func (s *session) exchange(ctx context.Context, current []byte, f *flight) exchange {
	x := exchange{ran: true}
	if x.store, x.err = parseRecord(current); x.err != nil {
		return x
	}
	v := s.view(f)
	if x.act = decide(x.store, v); x.act != actSend {
		return x
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.all.abort, cancel)()
	x.asked = s.now()
	asked := time.Now()
	a, te := s.poster.post(ctx, "refresh_token", url.Values{"refresh_token": {x.store.RefreshToken}})
	v.now = time.Now()
	if x.next = follow(x.store, v, a, te, asked); x.next == nil {
		x.err = te
		return x
	}
	x.data, x.err = x.next.encode()
	return x
}

// exchanged publishes what an exchange led to. saveErr is not nil if the store
// may not have taken it: then it stays pending.
func (s *session) exchanged(x exchange, saveErr error, f *flight) (*lease, error) {
	if x.next.Ended != nil && errors.Is(saveErr, ErrConflict) {
		// Another process has gone on with the session meanwhile: what the server
		// refused is a token of its past.
		return nil, storeError("lock", s.key, saveErr)
	}
	var l *lease
	if x.next.Ended == nil {
		l = s.issued(x.next, x.asked)
	}
	if saveErr != nil {
		u := &unsaved{record: x.next, data: x.data, from: x.store.Version, err: saveErr, at: time.Now()}
		f.changes = append(f.changes, s.change(ChangePending, l, unsavedError(s.key, fatePending, saveErr)))
		s.keep(u)
	}
	if x.next.Ended != nil {
		s.tellEnd(x.next, f)
		return s.over(x.next, f.rejected)
	}
	if saveErr == nil {
		f.changes = append(f.changes, s.change(ChangeRotated, l, nil))
	}
	// Saved; now it may be judged.
	if x.next.AccessToken == "" {
		return nil, &TokenError{URL: s.issuer, Grant: "refresh_token", Status: 200, Problem: "the answer holds a refresh token, which is saved, but no access token that can be used", outcome: ambiguous}
	}
	return l, nil
}
