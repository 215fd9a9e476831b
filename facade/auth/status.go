package auth

import (
	"context"
	"errors"
	"iter"
	"time"
)

// SessionState is how a session is doing.
type SessionState string

// The states of a session.
const (
	// StateAbsent: nobody has signed in under the key.
	StateAbsent SessionState = "absent"
	// StateGood: the session is stored and alive, as far as is known.
	StateGood SessionState = "good"
	// StatePending: this process holds tokens that the store failed to save.
	StatePending SessionState = "pending"
	// StateEnded: a person has to sign in again: the server has ended the session,
	// or its access token has expired and it has no refresh token.
	StateEnded SessionState = "ended"
	// StateUnreadable: there is a record that cannot be read; LastError says why.
	StateUnreadable SessionState = "unreadable"
	// StateNotSession: what is stored is not a session but the shared token of
	// [WithTokenStore].
	StateNotSession SessionState = "not_session"
)

// Status describes one session, for health pages. It holds no secret.
type Status struct {
	// Key is the session's key.
	Key string `json:"key"`
	// State is how it is doing.
	State SessionState `json:"state"`
	// ClientID and TokenURL are the app and the token endpoint it belongs to.
	ClientID string `json:"client_id,omitempty"`
	TokenURL string `json:"token_url,omitempty"`
	// CanRenew reports whether there is a refresh token: without one the
	// session lasts as long as the access token.
	CanRenew bool `json:"can_renew"`
	// SignedInAt is when a person last signed in.
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
	// IssuedAt is when the access token was issued.
	IssuedAt time.Time `json:"issued_at,omitzero"`
	// ExpiresAt is when it ends, zero if that is not known.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// EndedAt, EndedReason and EndedCode are set in StateEnded: Reason and Code
	// of the [ReauthError].
	EndedAt     time.Time `json:"ended_at,omitzero"`
	EndedReason string    `json:"ended_reason,omitempty"`
	EndedCode   string    `json:"ended_code,omitempty"`
	// LastError is the text of the last renewal's or save's failure, in this
	// process or as another one has noted it in the record, and LastErrorAt its
	// time; empty if there is none since the last success.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Status reads the session under key from the store, within ctx, and adds what
// this process knows. It makes no token request. A key without a session is
// StateAbsent, not an error; the error is a *StoreError.
func (s *Sessions) Status(ctx context.Context, key string) (Status, error) {
	st := Status{Key: key, State: StateAbsent}
	r, err := loadRecord(ctx, s.store, key)
	if err != nil {
		return st, err
	}
	s.describe(&st, r)
	return st, nil
}

// Statuses walks the states of all records in the store, in no promised order,
// and adds what this process knows. It makes no token request, and reads many
// records at once if the store is a [RecordReader]. A record that cannot be read is
// [StateUnreadable]. An error of the walk, a *StoreError, is yielded with the
// zero Status and ends it; a store may report there what it could not read.
func (s *Sessions) Statuses(ctx context.Context) iter.Seq2[Status, error] {
	return func(yield func(Status, error) bool) {
		for stored, err := range records(ctx, s.store) {
			if err != nil {
				yield(Status{}, storeError("list", "", err))
				return
			}
			st := Status{Key: stored.Key, State: StateUnreadable}
			if r, err := stored.parse(); err != nil {
				st.LastError, st.LastErrorAt = err.Error(), time.Now()
			} else {
				s.describe(&st, r)
			}
			if !yield(st, nil) {
				return
			}
		}
	}
}

// describe adds what is stored (nil: nothing), and what this process knows.
func (s *Sessions) describe(st *Status, r *record) {
	key := st.Key
	if r != nil {
		st.describe(r)
	}
	for _, o := range s.openUnder(key) {
		if u := o.pending.Load(); u != nil {
			st.describe(u.record)
			if u.record.Ended == nil {
				st.State = StatePending
			}
			st.LastError, st.LastErrorAt = unsavedError(key, fatePending, u.err).Error(), u.at
		}
		if at, err := o.cache.lastFailure(); err != nil && at.After(st.LastErrorAt) {
			st.LastError, st.LastErrorAt = err.Error(), at
		}
	}
}

// Prune deletes the records of sessions that ended before endedBefore, and
// returns how many. Each is read again under its lock: a session that a person
// has signed in to again stays. A record that cannot be deleted does not stop it;
// the error has the first ten such failures, *StoreErrors, joined.
func (s *Sessions) Prune(ctx context.Context, endedBefore time.Time) (deleted int, err error) {
	var failures []error
	for st, err := range s.Statuses(ctx) {
		if err != nil {
			failures = append(failures, err)
			break
		}
		if st.State != StateEnded || !st.EndedAt.Before(endedBefore) {
			continue
		}
		done, err := s.deleteIf(ctx, st.Key, func(r *record) bool {
			at, ended := r.endedAt(time.Now())
			return ended && at.Before(endedBefore)
		})
		if done {
			deleted++
		}
		if err != nil && len(failures) < 10 {
			failures = append(failures, storeError("delete", st.Key, err))
		}
	}
	return deleted, errors.Join(failures...)
}

// deleteIf deletes the record of key if it is as ok says, which is asked under
// the lock.
func (s *Sessions) deleteIf(ctx context.Context, key string, ok func(r *record) bool) (deleted bool, err error) {
	unlock, err := s.replacing.Lock(ctx, key)
	if err != nil {
		return false, err
	}
	defer unlock()
	_, err = lockedUpdate(ctx, s.store, key, func(_ context.Context, current []byte) ([]byte, error) {
		r, err := parseRecord(current)
		if deleted = err == nil && r != nil && ok(r); deleted {
			return []byte{}, nil
		}
		return nil, err
	})
	if err != nil || !deleted {
		return false, err
	}
	for _, o := range s.openUnder(key) {
		o.reset(nil)
	}
	s.notify(s.loggerOf(key), Change{Key: key, Kind: ChangeForgotten, At: time.Now()})
	return true, nil
}

func (st *Status) describe(r *record) {
	st.State, st.ClientID, st.TokenURL, st.CanRenew = StateGood, r.ClientID, r.Issuer, r.RefreshToken != ""
	st.SignedInAt, st.IssuedAt, st.ExpiresAt = r.SignedInAt, r.IssuedAt, r.ExpiresAt
	if r.Failure != nil {
		st.LastError, st.LastErrorAt = r.Failure.err(r.Issuer, time.Now()).Error(), r.Failure.At
	}
	at, over := r.endedAt(time.Now())
	switch {
	case r.Kind != kindSession:
		st.State = StateNotSession
	case r.Ended != nil:
		e := r.Ended.reauth("")
		st.State, st.EndedAt, st.EndedReason, st.EndedCode = StateEnded, e.At, e.Reason, e.Code
	case over:
		st.State, st.EndedAt, st.EndedReason = StateEnded, at, ReasonNoRefreshToken
	}
}
