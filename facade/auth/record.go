package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// recordFormat is the format that this version writes. A reader refuses what
// is newer and must go on reading what is older.
const recordFormat = 1

// The kinds of records: a store may hold both.
const (
	kindSession = "session"
	kindClient  = "client_credentials"
)

// Causes of a record: why its tokens were issued.
const (
	causeSignIn  = "sign_in"
	causeExpiry  = "expiry"
	causeRefused = "refused" // a service responded 401 to the access token before
)

// maxLifetime caps expires_in, so that no sum of times overflows.
const maxLifetime = 10 * 365 * 24 * time.Hour

// A record is what the store holds of a session, as JSON. Every change of its
// tokens gives it a new random version: versions are compared, not clocks alone.
type record struct {
	Format  int    `json:"format"`
	Kind    string `json:"kind"`
	Version string `json:"version"`
	// Issuer is the token endpoint that issued the tokens. They are never sent
	// to another.
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	// ExpiresIn is the access token's lifetime in seconds, 0 if unknown;
	// ExpiresAt its end by the clock of the machine that wrote the record.
	ExpiresIn float64   `json:"expires_in,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	IssuedAt  time.Time `json:"issued_at"`
	// SignedInAt is when a person last signed in.
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
	Cause      string    `json:"cause"`
	Ended      *ended    `json:"ended,omitempty"`
	// Failure is the last renewal's failure, nil after a success. It changes
	// neither the tokens nor the version.
	Failure *failure `json:"failure,omitempty"`
}

// ended marks a dead session.
type ended struct {
	// Code is the server's error code. Records had nothing else at first, and
	// called it the reason.
	Code string `json:"reason"`
	// Why is the reason, one of the Reason constants; empty in records of
	// before.
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// failure is a mark for other processes: until when they should not send the
// refresh token, and why. What is wrong with one machine alone (its network, its
// client's secret) leaves none.
type failure struct {
	By      string    `json:"by"` // the process, which has its own pauses
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"`
	Asked   bool      `json:"asked,omitempty"` // by the server: Until is its Retry-After
	Count   int       `json:"count"`           // in a row
	Status  int       `json:"status,omitempty"`
	Code    string    `json:"code,omitempty"`
	Problem string    `json:"problem"`
	Remedy  string    `json:"remedy,omitempty"`
	Outcome outcome   `json:"outcome"`
}

// fail makes the record r with the mark of a failure that the others should
// know of; nil if they should not.
func (r *record) fail(te *TokenError, by string, now time.Time) *record {
	if te.outcome != throttled && te.outcome != ambiguous && te.outcome != rejected {
		return nil
	}
	f := &failure{By: by, At: now.UTC().Round(0), Count: 1, Status: te.Status, Code: te.Code, Problem: te.Problem, Remedy: te.Remedy, Outcome: te.outcome}
	if r.Failure != nil {
		f.Count = min(r.Failure.Count, 10) + 1
	}
	// As long as callers of one process wait: see tokenCache.fail.
	pause := min(retryMin<<(f.Count-1), retryNeeded)
	switch {
	case te.RetryAfter > 0:
		pause, f.Asked = min(te.RetryAfter, retryAfterMax), true
	case te.lasting():
		pause = retryRefused
	}
	f.Until = f.At.Add(pause)
	next := *r
	next.Failure = f
	return &next
}

// err is the failure as an error, with what is left of its pause at now.
func (f *failure) err(issuer string, now time.Time) *TokenError {
	// The clock that wrote the mark may be ahead of ours.
	left := max(min(f.Until.Sub(now), f.Until.Sub(f.At), retryAfterMax), 0)
	te := &TokenError{URL: issuer, Grant: "refresh_token", Status: f.Status, Code: f.Code, Problem: f.Problem, Remedy: f.Remedy, pause: left, outcome: f.Outcome}
	if f.Asked {
		te.RetryAfter = left
	}
	return te
}

// paused returns the error of a failure that another process than self has
// noted, while its pause lasts.
func (r *record) paused(self string, now time.Time) *TokenError {
	if r.Failure == nil || r.Failure.By == self {
		return nil
	}
	if te := r.Failure.err(r.Issuer, now); te.pause > 0 {
		return te
	}
	return nil
}

// reauth is the error of a session that has ended.
func (e *ended) reauth(key string) *ReauthError {
	return &ReauthError{Key: key, Reason: cmp.Or(e.Why, reasonOf(e.Code, "")), Code: e.Code, At: e.At}
}

// loadRecord reads the record of key, nil if there is none. The error is a
// *StoreError.
func loadRecord(ctx context.Context, s Store, key string) (*record, error) {
	data, err := load(ctx, s, key)
	return Record{Key: key, Data: data, Err: err}.parse()
}

// parse reads the record. The error is a *StoreError.
func (r Record) parse() (*record, error) {
	err := r.Err
	if err == nil {
		var parsed *record
		if parsed, err = parseRecord(r.Data); err == nil {
			return parsed, nil
		}
	}
	return nil, storeError("load", r.Key, err)
}

// parseRecord reads a stored record; nil stands for none. Its errors repeat
// nothing of the data.
func parseRecord(data []byte) (*record, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("it is not a session record: %w", ErrCorruptRecord)
	}
	switch {
	case r.Format > recordFormat:
		return nil, fmt.Errorf("the stored record has format %d, this version of credkit knows up to %d: update this program", r.Format, recordFormat)
	case r.Format < 1 || r.Version == "" || r.Kind == "":
		return nil, fmt.Errorf("it is not a session record: %w", ErrCorruptRecord)
	}
	// Records of before may hold one: it is renewed.
	if !sendable(r.AccessToken) {
		r.AccessToken = ""
	}
	// A record written when the base URL named the default port is of the same
	// token endpoint.
	if issuer, err := normalIssuer(r.Issuer); err == nil {
		r.Issuer = issuer
	}
	return &r, nil
}

// issuedAt returns when the tokens of a record were issued, without reading the
// rest of it; not ok if the record has to be parsed for that. Inside a JSON string
// each quote has a backslash before it, so what is found is a member's name.
func issuedAt(data []byte) (at time.Time, ok bool) {
	_, value, _ := bytes.Cut(data, []byte(`"issued_at":"`))
	value, _, ok = bytes.Cut(value, []byte(`"`))
	if !ok {
		return time.Time{}, false
	}
	return at, at.UnmarshalText(value) == nil
}

func (r *record) encode() ([]byte, error) { return json.Marshal(r) }

func newVersion() string { return rand.Text() }

// issue makes the record of tokens that were asked for at asked.
func issue(kind, issuer, clientID, cause string, a response, asked time.Time) *record {
	r := &record{
		Format: recordFormat, Kind: kind, Version: newVersion(), Issuer: issuer, ClientID: clientID,
		AccessToken: a.access, RefreshToken: a.refresh, IssuedAt: asked.UTC().Round(0), Cause: cause,
	}
	if !a.bearer() {
		r.AccessToken = "" // RFC 6749 section 7.1: what is not understood is not used
	}
	if a.life > 0 {
		r.ExpiresIn = a.life.Seconds()
		r.ExpiresAt = r.IssuedAt.Add(a.life)
	}
	if cause == causeSignIn {
		r.SignedInAt = r.IssuedAt
	}
	return r
}

// rotate makes the record that follows r. A response without a refresh token
// keeps the old one (RFC 6749 section 6).
func (r *record) rotate(a response, asked time.Time, cause string) *record {
	next := issue(r.Kind, r.Issuer, r.ClientID, cause, a, asked)
	next.SignedInAt = r.SignedInAt
	if next.RefreshToken == "" {
		next.RefreshToken = r.RefreshToken
	}
	return next
}

// end makes the record of a session that the server no longer knows. The
// refresh token is dropped, so that nobody can send it; the access token stays
// to its end.
func (r *record) end(code, reason string, at time.Time) *record {
	next := *r
	next.Version = newVersion()
	next.RefreshToken = ""
	next.Failure = nil
	next.Ended = &ended{Code: code, Why: reason, At: at.UTC().Round(0)}
	return &next
}

// life is the access token's whole lifetime, 0 if unknown.
func (r *record) life() time.Duration { return lifetime(r.ExpiresIn) }

// left is what of the access token's life is left at now: clamped to
// 0…expires_in, because another machine's clock wrote expires_at. It is
// forever for an unknown lifetime.
func (r *record) left(now time.Time) time.Duration {
	life := r.life()
	if life == 0 {
		return forever
	}
	return min(max(r.ExpiresAt.Sub(now), 0), life)
}

// renewable reports whether the record leads to further tokens.
func (r *record) renewable() bool {
	return r.Ended == nil && (r.RefreshToken != "" || r.Kind == kindClient)
}

// endedAt reports whether and when a session is over: ended by the server, or
// without refresh token and with an access token that has expired at now.
func (r *record) endedAt(now time.Time) (at time.Time, over bool) {
	switch {
	case r.Kind != kindSession:
		return time.Time{}, false
	case r.Ended != nil:
		return r.Ended.At, true
	case r.RefreshToken == "" && !r.usable(now):
		return r.ExpiresAt, true
	}
	return time.Time{}, false
}

// usable reports whether the access token is worth adopting at now.
func (r *record) usable(now time.Time) bool {
	if r.AccessToken == "" {
		return false
	}
	left := r.left(now)
	if r.renewable() {
		return left > mandatory(r.life())
	}
	return left > 0
}

// lifetime turns seconds into a duration between 0 and maxLifetime; what is
// not a positive number is 0, unknown.
func lifetime(seconds float64) time.Duration {
	switch {
	case !(seconds > 0): // NaN too
		return 0
	case seconds >= maxLifetime.Seconds():
		return maxLifetime
	}
	return time.Duration(seconds * float64(time.Second))
}
