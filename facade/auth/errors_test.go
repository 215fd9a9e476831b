package auth

import (
	"strings"
	"testing"
	"time"
)

// TestErrorsSayWhatToDo reads every error as a person would.
func TestErrorsSayWhatToDo(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, err := range map[string]error{
		`auth: session "k": nobody has signed in: sign in first`:                                                     &ReauthError{Key: "k", Reason: ReasonNotSignedIn},
		`auth: session "k" ended at 2026-01-02T03:04:05Z: reached its greatest age (session_expired): sign in again`: &ReauthError{Key: "k", Reason: ReasonAge, Code: "session_expired", At: at},
		`auth: session "k" ended at 2026-01-02T03:04:05Z (invalid_grant): sign in again`:                             &ReauthError{Key: "k", Reason: ReasonUnknown, Code: "invalid_grant", At: at},
		`auth: session "k": the access token is over and the sign-in gave no refresh token: sign in again`:           &ReauthError{Key: "k", Reason: ReasonNoRefreshToken},
		`auth: session "k": the store failed to load it: no space left on device`:                                    storeError("load", "k", errDisk),
		`auth: the store failed to list sessions: no space left on device`:                                           storeError("list", "", errDisk),
		`auth: a: b`: &ConfigError{Problem: "a", Remedy: "b"},
		`auth: token request (refresh_token) to https://h/t: the endpoint failed (HTTP 503 Service Unavailable) (code x); the server asks to wait 3s`: &TokenError{URL: "https://h/t", Grant: "refresh_token", Status: 503, Code: "x", Problem: "the endpoint failed", RetryAfter: 3 * time.Second},
	} {
		if err.Error() != want {
			t.Errorf("%s", err)
		}
		if !strings.HasPrefix(err.Error(), "auth: ") {
			t.Errorf("%s does not say where it is from", err)
		}
	}
}
