package signin

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/credkit/credkit-go/facade/auth/internal/opaque"
)

// pendingLife is how long a person has to sign in. COSMIC's codes are assumed
// to live ten minutes as well.
const pendingLife = 10 * time.Minute

// redacted stands wherever a secret would have been printed.
const redacted = "[redacted]"

// A Pending is a sign-in between [Begin] and [Complete]. It must reach
// Complete through the browser that was sent to the authorize URL and nobody
// else: seal it into a cookie with a [Sealer]. It prints without its secrets.
// The zero Pending is none.
type Pending struct {
	p     opaque.Value[pendingState]
	spent *ledger
}

// pendingState is what is sealed.
type pendingState struct {
	State    string    `json:"s"`
	Verifier string    `json:"v"`
	Redirect string    `json:"r"`
	Issuer   string    `json:"i"`
	ClientID string    `json:"c"`
	Expires  time.Time `json:"e"`
}

// IsZero reports whether there is no sign-in.
func (p Pending) IsZero() bool { return p.p.Get() == nil }

// Expires returns when the sign-in can no longer be completed; zero for the
// zero Pending.
func (p Pending) Expires() time.Time {
	if p.IsZero() {
		return time.Time{}
	}
	return p.p.Get().Expires
}

// String is a placeholder, never the secrets.
func (p Pending) String() string { return "signin.Pending(" + redacted + ")" }

// GoString is String.
func (p Pending) GoString() string { return p.String() }

// MarshalText writes a placeholder, never the secrets: use a Sealer.
func (p Pending) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs the expiry, never the secrets.
func (p Pending) LogValue() slog.Value {
	return slog.GroupValue(slog.String("value", redacted), slog.Time("expires", p.Expires()))
}

func (s *pendingState) encode() ([]byte, error) { return json.Marshal(s) }

func decodePending(data []byte) (*pendingState, error) {
	var s pendingState
	if err := json.Unmarshal(data, &s); err != nil || s.State == "" || s.Verifier == "" {
		return nil, errors.New("auth: the sealed sign-in cannot be read")
	}
	return &s, nil
}

// A ledger remembers which sign-ins were completed, until they would have
// expired anyway. The zero ledger is ready. Its cost for a sign-in does not
// depend on how many it remembers.
type ledger struct {
	mu    sync.Mutex
	spent map[stateHash]time.Time // when each expires
	order []stateHash             // of spent, by the time of completion
}

type stateHash [sha256.Size]byte

// spend reports whether state was not spent before, and notes that it is.
func (l *ledger) spend(state string, until time.Time) bool {
	h, now := stateHash(sha256.Sum256([]byte(state))), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, found := l.spent[h]; found {
		return false
	}
	// A sign-in that was sealed by a machine whose clock is ahead stays for
	// longer, and those behind it as well.
	for len(l.order) > 0 && now.After(l.spent[l.order[0]]) {
		delete(l.spent, l.order[0])
		l.order = l.order[1:]
	}
	if l.spent == nil {
		l.spent = map[stateHash]time.Time{}
	}
	l.spent[h] = until
	l.order = append(l.order, h)
	return true
}

// unspend takes a spend back: nothing has reached the server.
func (l *ledger) unspend(state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.spent, sha256.Sum256([]byte(state)))
}

// ErrState is what a [Error] is (errors.Is) when a response belongs to
// another sign-in: a stale tab, or an attack. The sign-in goes on.
var ErrState = errors.New("auth: the response belongs to another sign-in")

// errSpent is what a Error is when a sign-in was completed before.
var errSpent = errors.New("auth: the sign-in was completed before")

// An Error says that a sign-in brought no tokens.
type Error struct {
	// Code is the server's error code (RFC 6749 section 4.1.2.1), such as
	// access_denied when the person declined; empty if it was not the server.
	Code string
	// Description is the server's own text, redacted and shortened.
	Description string
	// Problem says in words what happened.
	Problem string
	err     error
}

// Error implements error.
func (e *Error) Error() string {
	s := "auth: sign-in: " + e.Problem
	if e.Code != "" {
		s += fmt.Sprintf(" (%s)", e.Code)
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// Unwrap returns [ErrState] or nil.
func (e *Error) Unwrap() error { return e.err }

// LogValue logs the fields.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", "sign_in"), slog.String("code", e.Code), slog.String("description", e.Description), slog.String("problem", e.Problem))
}
