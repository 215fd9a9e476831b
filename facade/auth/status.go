package auth

import (
	"context"
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
	// StateEnded: a person has to sign in again.
	StateEnded SessionState = "ended"
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
	// LastError is the text of the last renewal's or save's failure in this
	// process, and LastErrorAt its time; empty if there is none since the last
	// success.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Status reads the session under key from the store, within ctx, and adds what
// this process knows. It makes no token request. A key without a session is
// StateAbsent, not an error; the error is a *StoreError.
func (s *Sessions) Status(ctx context.Context, key string) (Status, error) {
	st := Status{Key: key, State: StateAbsent}
	data, err := s.store.Load(ctx, key)
	if err != nil {
		return st, storeError("load", key, err)
	}
	r, err := parseRecord(data)
	if err != nil {
		return st, storeError("load", key, err)
	}
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
	return st, nil
}

func (st *Status) describe(r *record) {
	st.State, st.ClientID, st.TokenURL, st.CanRenew = StateGood, r.ClientID, r.Issuer, r.RefreshToken != ""
	st.SignedInAt, st.IssuedAt, st.ExpiresAt = r.SignedInAt, r.IssuedAt, r.ExpiresAt
	switch {
	case r.Kind != kindSession:
		st.State = StateNotSession
	case r.Ended != nil:
		e := r.Ended.reauth("")
		st.State, st.EndedAt, st.EndedReason, st.EndedCode = StateEnded, e.At, e.Reason, e.Code
	}
}
