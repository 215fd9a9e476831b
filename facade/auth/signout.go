package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/credkit/credkit-go/facade/internal/safehttp"
)

// SignOutOptions change what [Sessions.SignOut] does. The zero value is ready for
// use.
type SignOutOptions struct {
	// ForgetAnyway forgets the session also if the server could not be asked to end
	// it, or did not do so. It then lives on at the server until it ends by itself.
	ForgetAnyway bool
}

// A SignOutError says that a session was not ended at the server.
type SignOutError struct {
	// Key is the session's key in the store.
	Key string
	// Status is the HTTP status of the server's response, 0 if there was none.
	Status int
	// Forgotten reports whether the session was forgotten all the same, as
	// SignOutOptions.ForgetAnyway asks.
	Forgotten bool
	// Err is the cause, redacted; nil if the server refused.
	Err error
}

// Error implements error.
func (e *SignOutError) Error() string {
	s := fmt.Sprintf("auth: session %q was not ended at the server", e.Key)
	if e.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d %s)", e.Status, http.StatusText(e.Status))
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Forgotten {
		return s + ": it is forgotten here; copies of its tokens live on until they expire"
	}
	return s + ": it is kept: sign out again, or forget it"
}

// Unwrap returns Err.
func (e *SignOutError) Unwrap() error { return e.Err }

// GoString is Error.
func (e *SignOutError) GoString() string { return e.Error() }

// SignOut ends the session under key at the server, by [Endpoint.LogoutURL] with
// its access token, which is renewed for this if need be, and then forgets it. A
// session that is over already, at the server too, is just forgotten, and one
// that does not exist is no error. Other sessions of the same person go on.
//
// The error is a *SignOutError if the server did not end the session, which is
// then kept unless opts say otherwise; a *StoreError if the store failed; a
// *ConfigError if e has no logout or the session belongs to another endpoint.
// A sign-in under key while SignOut runs is not forgotten.
func (s *Sessions) SignOut(ctx context.Context, key string, e Endpoint, opts SignOutOptions) error {
	logout, err := e.logoutURL()
	if err != nil {
		return err
	}
	stored, err := loadRecord(ctx, s.store, key)
	if err != nil {
		return err
	}
	if stored == nil {
		return s.Forget(ctx, key)
	}
	o, err := s.borrow(key, e)
	if err != nil {
		return err
	}
	defer s.giveBack(o, e)
	if v := o.view(&renewal{}); stored.Kind != kindSession || stored.Issuer != v.issuer || stored.ClientID != v.clientID {
		return foreign(key, stored, v)
	}
	forget := func() error {
		// Renewals keep the time of the sign-in; a later sign-in has another one.
		_, err := s.deleteIf(ctx, key, func(r *record) bool { return r.SignedInAt.Equal(stored.SignedInAt) })
		if err != nil {
			return storeError("delete", key, err)
		}
		return nil
	}
	failed := o.logout(ctx, logout, stored)
	if failed != nil {
		if !opts.ForgetAnyway {
			return failed
		}
		if err := forget(); err != nil {
			return errors.Join(failed, err)
		}
		failed.Forgotten = true
		return failed
	}
	return forget()
}

// logoutURL returns LogoutURL if a token may be sent there, and if it ends one
// session alone.
func (e Endpoint) logoutURL() (string, error) {
	u, err := url.Parse(e.LogoutURL)
	switch {
	case e.LogoutURL == "":
		return "", &ConfigError{Problem: serviceName(e) + " has no logout (Endpoint.LogoutURL is empty)", Remedy: "use Sessions.Forget"}
	case err != nil:
		return "", &ConfigError{Problem: "the logout URL of " + serviceName(e) + " cannot be used", Err: redactedError(err), Remedy: "correct the base URL"}
	case u.Query().Get("scope") != "local" || len(u.Query()["scope"]) != 1:
		return "", &ConfigError{Problem: "the logout URL of " + serviceName(e) + " lacks scope=local: it would sign the person out everywhere", Remedy: "correct Endpoint.LogoutURL"}
	case !safehttp.HasOrigin(u, e.Origin):
		return "", &ConfigError{Problem: "the logout URL of " + serviceName(e) + " is of another origin than its tokens may be sent to", Remedy: "correct Endpoint.LogoutURL"}
	}
	return e.LogoutURL, nil
}

// logout asks the server to end the session. That it is over already is success.
func (s *session) logout(ctx context.Context, logoutURL string, stored *record) *SignOutError {
	if stored.Ended != nil {
		return nil
	}
	token, err := s.Token(ctx)
	for n := 0; ; n++ {
		var reauth *ReauthError
		switch {
		case errors.As(err, &reauth):
			return nil // the session is over
		case err != nil:
			return &SignOutError{Key: s.key, Err: err}
		}
		r := s.postLogout(ctx, logoutURL, token)
		code := parseResponse(r.body, r.err == nil).code
		switch {
		case r.status >= 200 && r.status < 300:
			return nil
		case code == "session_not_found" || code == "session_expired":
			return nil
		case r.status == http.StatusUnauthorized && n == 0: // the token may have ended meanwhile
			token, err = s.Renew(ctx, token)
			if errors.Is(err, ErrRefused) {
				return &SignOutError{Key: s.key, Status: r.status}
			}
			continue
		case r.status == 0:
			return &SignOutError{Key: s.key, Err: safehttp.NewSecrets(token.Value()).RedactError(r.err)}
		}
		return &SignOutError{Key: s.key, Status: r.status}
	}
}

func (s *session) postLogout(ctx context.Context, logoutURL string, token Token) rawResponse {
	ctx, cancel := context.WithTimeout(ctx, TokenTimeout)
	defer cancel()
	header := http.Header{"Authorization": {"Bearer " + token.Value()}, "User-Agent": {s.endpoint.agent}, "Accept": {"application/json"}}
	return s.endpoint.post(ctx, logoutURL, header, "")
}
