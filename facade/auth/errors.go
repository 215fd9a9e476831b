package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// ErrClosed is what sources return that would have to ask for a token after
// [Sessions.Close].
var ErrClosed = errors.New("auth: sessions are closed")

// ErrRefused is what Renew returns when the service refuses a token that was
// itself fetched a moment ago because its predecessor had been refused: the
// token is not what is wrong, and asking for yet another would be a storm. It
// stands for min(half the token's lifetime, 60 s) from the token's issue, or
// until there is another token in the store.
var ErrRefused = errors.New("auth: the service refuses access tokens fresh from the token endpoint: check that the API and the sign-in belong together, and the account's state")

// ErrNotSession is in the chain of an error about a key under which the store
// has a record that is not a session: one of [WithTokenStore], for example.
var ErrNotSession = errors.New("not a session")

// A ReauthError says that a session cannot go on and a person has to sign in
// again. Signing in under the same key heals every process that shares the
// store, within about a second and without a restart.
type ReauthError struct {
	// Key is the session's key in the store.
	Key string
	// Reason is why: one of the Reason constants.
	Reason string
	// Code is the error code the server gave; empty if it was not the server.
	Code string
	// At is when the session ended; zero if nobody has signed in.
	At time.Time
}

// Reasons of a [ReauthError]. What the server's codes and messages mean is
// assumed: COSMIC documents none.
const (
	// ReasonNotSignedIn: the store has no record under the key.
	ReasonNotSignedIn = "not_signed_in"
	// ReasonNoRefreshToken: the access token is over or refused, and the
	// sign-in came without a refresh token.
	ReasonNoRefreshToken = "no_refresh_token"
	// ReasonSignedOut: the server no longer has the session; the person signed
	// out elsewhere, or the session was deleted.
	ReasonSignedOut = "signed_out"
	// ReasonInactivity: the session was not renewed for longer than the server
	// allows.
	ReasonInactivity = "inactivity"
	// ReasonAge: the session reached the greatest age that the server allows.
	ReasonAge = "age"
	// ReasonNewerSignIn: the same person signed in elsewhere, and the server
	// allows one session.
	ReasonNewerSignIn = "newer_sign_in"
	// ReasonReplaced: the refresh token had been used before, and not by this
	// store: another program renews the session too, or an older copy of the
	// store was restored.
	ReasonReplaced = "replaced"
	// ReasonRestoredServer: the server does not know tokens this new; its
	// database was restored from an older copy.
	ReasonRestoredServer = "restored_server"
	// ReasonUnknown: the server said no more than that the session is over.
	ReasonUnknown = "unknown"
)

// reasonTexts are the reasons in words.
var reasonTexts = map[string]string{
	ReasonSignedOut:      "signed out",
	ReasonInactivity:     "not used for too long",
	ReasonAge:            "reached its greatest age",
	ReasonNewerSignIn:    "replaced by a newer sign-in",
	ReasonReplaced:       "its token was used by another program or an older copy of the store",
	ReasonRestoredServer: "the server's database was restored",
}

// reasonOf reads why a session is over from the server's code and message: the
// code session_expired comes with three.
func reasonOf(code, text string) string {
	switch code {
	case "session_not_found", "refresh_token_not_found":
		return ReasonSignedOut
	case "refresh_token_already_used":
		return ReasonReplaced
	case "validation_failed":
		return ReasonRestoredServer
	case "session_expired":
		switch {
		case strings.Contains(text, "(Inactivity)"):
			return ReasonInactivity
		case strings.Contains(text, "(Revoked by Newer Login)"):
			return ReasonNewerSignIn
		case strings.HasSuffix(text, "Session Expired"):
			return ReasonAge
		}
	}
	return ReasonUnknown
}

// Error implements error.
func (e *ReauthError) Error() string {
	switch e.Reason {
	case ReasonNotSignedIn:
		return fmt.Sprintf("auth: session %q: nobody has signed in: sign in first", e.Key)
	case ReasonNoRefreshToken:
		return fmt.Sprintf("auth: session %q: the access token is over and the sign-in gave no refresh token: sign in again", e.Key)
	}
	s := fmt.Sprintf("auth: session %q ended", e.Key)
	if !e.At.IsZero() {
		s += " at " + e.At.UTC().Format(time.RFC3339)
	}
	if text := reasonTexts[e.Reason]; text != "" {
		s += ": " + text
	}
	if e.Code != "" {
		s += fmt.Sprintf(" (%s)", e.Code)
	}
	return s + ": sign in again"
}

// LogValue logs the fields.
func (e *ReauthError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", "reauth"), slog.String("key", e.Key), slog.String("reason", e.Reason), slog.String("code", e.Code), slog.Time("at", e.At))
}

// A StoreError says that the store could not read, lock or save a session.
// The session itself is intact.
type StoreError struct {
	// Op is what failed: "load", "lock", "save", "delete" or "list".
	Op string
	// Key is the session's key in the store.
	Key string
	// what becomes of what could not be saved, if that is known
	fate string
	err  error
}

// The fates of what could not be saved.
const (
	fatePending  = "what the server issued last is kept in memory and the save is tried again"
	fateUnsaved  = "what the server issued last is not in the store; the next renewal sends what it replaced, which the server is assumed to accept once"
	fateSignedIn = "the sign-in is not lost: save the same grant again"
)

// unsavedError is the error of a save, and says what becomes of what was to be
// saved.
func unsavedError(key, fate string, err error) *StoreError {
	e := storeError("save", key, err)
	e.fate = fate
	return e
}

func storeError(op, key string, err error) *StoreError {
	return &StoreError{Op: op, Key: key, err: safehttp.RedactError(err, key)}
}

// Error implements error. The store's own text is redacted, but for the key
// and for the paths that package os names.
func (e *StoreError) Error() string {
	s := fmt.Sprintf("auth: session %q: the store failed to %s it", e.Key, e.Op)
	if e.Key == "" {
		s = fmt.Sprintf("auth: the store failed to %s sessions", e.Op)
	}
	if e.fate != "" {
		s += "; " + e.fate
	}
	return s + ": " + e.err.Error()
}

// Unwrap gives errors.Is and errors.As the store's error; its text is redacted.
func (e *StoreError) Unwrap() error { return e.err }

// GoString is Error.
func (e *StoreError) GoString() string { return e.Error() }

// LogValue logs the fields.
func (e *StoreError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", "store"), slog.String("op", e.Op), slog.String("key", e.Key), slog.String("cause", e.err.Error()))
}

// A ConfigError says that credentials cannot work as they are configured.
// Trying again does not help; a session that has one is kept.
type ConfigError struct {
	// Problem is what is wrong, Remedy what to do about it.
	Problem, Remedy string
	// Err is the cause, redacted: the failed request, a *TokenError, if there was
	// one. Nil if there is none.
	Err error `json:"-"`
}

// Error implements error.
func (e *ConfigError) Error() string {
	s := "auth: " + e.Problem
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	return s
}

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

// GoString is Error.
func (e *ConfigError) GoString() string { return e.Error() }

// LogValue logs the text.
func (e *ConfigError) LogValue() slog.Value {
	return slog.GroupValue(slog.String("error", "config"), slog.String("text", e.Error()))
}

// A TokenError says that a request to the token endpoint got no token. It
// never holds the response's body, its description or anything that was sent.
type TokenError struct {
	// URL is the token endpoint.
	URL string
	// Grant is the grant_type that was asked for.
	Grant string
	// Status is the HTTP status of the response, 0 if there was none.
	Status int
	// Code is the error code of the response (RFC 6749 section 5.2, or the
	// server's own), empty if it gave none.
	Code string
	// Problem says in words what happened, Remedy what to do about it where
	// that is known.
	Problem, Remedy string
	// RetryAfter is how long the server asked to be left alone, 0 if it did
	// not.
	RetryAfter time.Duration

	outcome outcome
	reason  string        // of the end of a session, if outcome is dead
	pause   time.Duration // until when the process that has failed asks the others to wait
	err     error
}

// wait is how long no request should be sent.
func (e *TokenError) wait() time.Duration { return max(e.RetryAfter, e.pause) }

// lasting reports whether the endpoint will say the same until a person has
// acted: mended the client's settings, or lifted a ban.
func (e *TokenError) lasting() bool { return e.outcome == misconfigured || e.Code == "user_banned" }

// Error implements error.
func (e *TokenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "auth: token request (%s) to %s: %s", e.Grant, e.URL, e.Problem)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d %s)", e.Status, http.StatusText(e.Status))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (code %s)", e.Code)
	}
	if e.err != nil {
		b.WriteString(": " + e.err.Error())
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, "; the server asks to wait %s", e.RetryAfter.Round(time.Second))
	}
	if e.pause > e.RetryAfter {
		fmt.Fprintf(&b, "; another process has tried, the next request is due in %s", e.pause.Round(time.Second))
	}
	if e.Remedy != "" {
		b.WriteString(": " + e.Remedy)
	}
	return b.String()
}

// Unused reports whether the server certainly did not use what was sent, so that
// the same code may be sent again: nothing has reached it, or it responded 429.
func (e *TokenError) Unused() bool { return e.outcome == unsent || e.outcome == throttled }

// Unwrap gives errors.Is and errors.As what the HTTP client said, with its
// text redacted.
func (e *TokenError) Unwrap() error { return e.err }

// GoString is Error.
func (e *TokenError) GoString() string { return e.Error() }

// LogValue logs the fields.
func (e *TokenError) LogValue() slog.Value {
	a := []slog.Attr{slog.String("error", "token"), slog.String("url", e.URL), slog.String("grant", e.Grant),
		slog.Int("status", e.Status), slog.String("code", e.Code), slog.String("problem", e.Problem), slog.Duration("retry_after", e.RetryAfter)}
	if e.err != nil {
		a = append(a, slog.String("cause", e.err.Error()))
	}
	return slog.GroupValue(a...)
}

// redactedError is an error of somebody else's code that prints redacted.
func redactedError(err error) error {
	var response *oauth2.RetrieveError
	if errors.As(err, &response) && response.Response != nil { // it prints the body, which may repeat what was sent
		text := "oauth2: the token endpoint responded " + response.Response.Status
		if _, known := codes[response.ErrorCode]; known {
			text += " (" + response.ErrorCode + ")"
		}
		return safehttp.NewRedactedError(safehttp.Redact(text), err)
	}
	return safehttp.RedactError(err)
}

// waitError is what a caller gets whose context ended before a token came.
func waitError(ctx context.Context, what string) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, err) {
		return fmt.Errorf("auth: waiting for an access token of %s: %w (%w)", what, err, cause)
	}
	return fmt.Errorf("auth: waiting for an access token of %s: %w", what, err)
}
