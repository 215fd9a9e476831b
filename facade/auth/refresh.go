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
	// renewalBudget is how long a renewal that callers wait for goes on trying.
	// A request or a save that it has begun may end later.
	renewalBudget = 30 * time.Second
	// maxAttempts bounds the token requests of one renewal.
	maxAttempts = 4
	// lockWait is how long one attempt waits for the key's lock, earlyLockWait
	// how long one that nobody waits for does, before it gives way.
	lockWait      = 20 * time.Second
	earlyLockWait = 2 * time.Second
)

func (r reason) lockWait() time.Duration {
	if r.early {
		return earlyLockWait
	}
	return lockWait
}

// newPause makes the delays between the attempts of a renewal.
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

// renew is one renewal: attempts, and pauses between them. ctx ends when
// nothing new may begin.
func (s *session) renew(ctx context.Context, r *renewal) (*cachedToken, error) {
	t, err := retryRenewal(ctx, r.early, func(ctx context.Context) (*cachedToken, error) { return s.attempt(ctx, r) })
	switch {
	case err == nil, errors.Is(err, errBusy), isFinal(err):
		return t, err
	case ctx.Err() != nil:
		return nil, ErrClosed
	}
	var te *TokenError
	if errors.As(err, &te) && te.outcome == misconfigured {
		err = &ConfigError{Problem: fmt.Sprintf("the sign-in service does not accept the app %q", s.all.client.id), Err: te,
			Remedy: s.all.client.remedy() + "; the session is kept"}
	}
	r.changes = append(r.changes, s.change(ChangeFailed, s.cache.current.Load(), err))
	return nil, err
}

// retryRenewal attempts until it succeeds, the error is one that waiting does
// not cure, or the budget is spent. An early renewal attempts once.
func retryRenewal(ctx context.Context, early bool, attempt func(context.Context) (*cachedToken, error)) (*cachedToken, error) {
	deadline := time.Now().Add(renewalBudget)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	pause := newPause()
	for n := 1; ; n++ {
		t, err := attempt(ctx)
		if err == nil || early || n == maxAttempts {
			return t, err
		}
		wait := pause.NextBackOff()
		var te *TokenError
		var se *StoreError
		switch {
		case errors.As(err, &te) && te.outcome.retryable():
			wait = max(wait, te.wait())
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
func (s *session) attempt(ctx context.Context, r *renewal) (*cachedToken, error) {
	// pending: nothing is sent until the store has the last tokens.
	if u := s.pending.Load(); u != nil {
		changes, err := s.flushPending(ctx)
		r.changes = append(r.changes, changes...)
		switch {
		case err != nil && u.record.Ended != nil:
			return s.endedToken(u.record, r.rejected)
		case err != nil:
			return nil, err
		}
	}
	// Another process may have renewed it: that needs no lock.
	stored, err := loadRecord(ctx, s.all.store, s.key)
	if err != nil {
		return nil, err
	}
	switch do := decide(stored, s.view(r)); {
	case do != actSend:
		return s.withoutRequest(stored, do, r)
	case r.cooling:
		return nil, ErrRefused
	}
	if te := stored.paused(s.all.id, time.Now()); te != nil {
		return nil, te
	}
	return s.refresh(ctx, r)
}

func (s *session) view(r *renewal) view {
	return view{kind: kindSession, issuer: s.issuer, clientID: s.all.client.id, held: r.held, rejected: r.rejected, now: time.Now()}
}

// refresh locks the key and does what has to be done under the lock: see
// [session.locked]. What was granted is saved before the lock is released.
func (s *session) refresh(ctx context.Context, r *renewal) (*cachedToken, error) {
	lockCtx, cancel := context.WithTimeout(ctx, r.lockWait())
	defer cancel()
	did := lockedAttempt{do: actSend}
	waiting := time.Now()
	locked, err := lockedUpdate(lockCtx, s.all.store, s.key, func(ctx context.Context, current []byte) (_ []byte, err error) {
		s.all.counters.locks.Add(1)
		s.all.counters.lockWait.Add(int64(time.Since(waiting)))
		did, err = s.locked(ctx, current, r)
		return did.save, err
	})
	switch {
	case !locked && lockCtx.Err() != nil && r.early:
		s.all.counters.busy.Add(1)
		return nil, errBusy
	case !locked && lockCtx.Err() != nil:
		return nil, storeError("lock", s.key, fmt.Errorf("another process has had it for %s: %w", r.lockWait(), err))
	case !locked:
		return nil, storeError("lock", s.key, err)
	case did.do != actSend:
		return s.withoutRequest(did.stored, did.do, r)
	case did.failed != nil: // whether the mark was saved does not matter
		return nil, did.failed
	case did.next == nil:
		return nil, err
	}
	return s.succeed(did, err, r)
}

// A lockedAttempt is what was done under the key's lock.
type lockedAttempt struct {
	stored *record
	do     action        // with stored
	failed *TokenError   // of the request, if do is actSend
	next   *record       // follows stored, if the server has rotated or ended the session
	save   []byte        // what the store is to save: next, or stored with the mark of a failure
	sent   time.Duration // when the request was sent, by the cache's clock
}

// locked is the work under the key's lock. Another process may have renewed or
// ended the session while this one waited for it: so it decides anew, and only
// then sends the stored refresh token.
func (s *session) locked(ctx context.Context, current []byte, r *renewal) (did lockedAttempt, err error) {
	did.do = actSend
	if did.stored, err = parseRecord(current); err != nil {
		return did, storeError("load", s.key, err)
	}
	v := s.view(r)
	if did.do = decide(did.stored, v); did.do != actSend {
		return did, nil
	}
	if did.failed = did.stored.paused(s.all.id, time.Now()); did.failed != nil {
		return did, nil
	}
	// ctx ends when the lock is lost, abort when Close has waited long enough.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.all.abort, cancel)()
	wall := time.Now()
	did.sent = s.cache.now()
	resp, te := s.endpoint.request(ctx, "refresh_token", url.Values{"refresh_token": {did.stored.RefreshToken}})
	if resp.forgiven {
		s.all.counters.forgiven.Add(1)
	}
	v.now = time.Now()
	if did.next = successor(did.stored, v, resp, te, wall); did.next != nil {
		did.save, err = did.next.encode()
		return did, err
	}
	did.failed = te
	if marked := did.stored.fail(te, s.all.id, v.now); marked != nil {
		did.save, err = marked.encode()
	}
	return did, err
}

// succeed goes on with a session that the server has rotated or ended. If that
// could not be saved, for saveErr, it stays pending.
func (s *session) succeed(did lockedAttempt, saveErr error, r *renewal) (*cachedToken, error) {
	next := did.next
	if next.Ended != nil && errors.Is(saveErr, ErrConflict) {
		// Another process has renewed the session meanwhile: what the server
		// refused is not the session's current token.
		return nil, storeError("lock", s.key, saveErr)
	}
	var t *cachedToken
	if next.Ended == nil {
		s.all.counters.renewed.Add(1)
		t = s.cache.fromResponse(next, did.sent)
	}
	if saveErr != nil {
		r.changes = append(r.changes, s.change(ChangePending, t, unsavedError(s.key, fatePending, saveErr)))
		s.retrySave(&unsaved{record: next, data: did.save, from: did.stored.Version, err: saveErr, at: time.Now()})
	}
	if next.Ended != nil {
		s.notifyEnded(next, r)
		return s.endedToken(next, r.rejected)
	}
	if saveErr == nil {
		r.changes = append(r.changes, s.change(ChangeRotated, t, nil))
	}
	// Only now that it is saved does it matter whether the rest can be used.
	if next.AccessToken == "" {
		return nil, &TokenError{URL: s.issuer, Grant: "refresh_token", Status: 200, Problem: "the response holds a refresh token, which is saved, but no access token that can be used", outcome: ambiguous}
	}
	return t, nil
}

// withoutRequest carries out every action but actSend.
func (s *session) withoutRequest(stored *record, do action, r *renewal) (*cachedToken, error) {
	switch do {
	case actAdopt:
		t := s.cache.fromStore(stored)
		if stored.Ended != nil {
			s.notifyEnded(stored, r)
		} else {
			r.changes = append(r.changes, s.change(ChangeAdopted, t, nil))
		}
		return t, nil
	case actEnded:
		s.notifyEnded(stored, r)
		return nil, stored.Ended.reauth(s.key)
	case actStuck:
		return nil, &ReauthError{Key: s.key, Reason: ReasonNoRefreshToken, At: stored.ExpiresAt}
	case actForeign:
		return nil, foreign(s.key, stored, s.view(r))
	default:
		return nil, &ReauthError{Key: s.key, Reason: ReasonNotSignedIn}
	}
}

// endedToken returns the access token of a session that has ended, which is
// good until it expires, or the error.
func (s *session) endedToken(ended *record, rejected string) (*cachedToken, error) {
	if ended.usable(time.Now()) && ended.AccessToken != rejected {
		return s.cache.fromStore(ended), nil
	}
	return nil, ended.Ended.reauth(s.key)
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
